# Warnings for our own code; errors in the dev preset (FAIRLEAD_WERROR).
option(FAIRLEAD_WERROR "warnings are errors" OFF)
add_library(project_warnings INTERFACE)
target_compile_options(project_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wformat=2)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false overlaps and dangling reads inside libstdc++'s own string code.
  target_compile_options(project_warnings INTERFACE -Wno-restrict -Wno-missing-field-initializers)
  if(FAIRLEAD_SANITIZE)
    # With the sanitizers' code in between, GCC 12 takes std::function and std::regex for uninitialised; ASan itself finds the real ones.
    target_compile_options(project_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
else()
  target_compile_options(project_warnings INTERFACE -Wthread-safety -Wno-missing-field-initializers)
endif()
if(FAIRLEAD_WERROR)
  target_compile_options(project_warnings INTERFACE -Werror)
endif()
