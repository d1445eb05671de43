# add_module(NAME LINKS ... PRIVATE_LINKS ...): one static library from NAME/*.cpp and NAME/detail/*.cpp. main.cpp is left to the executable.
function(add_module name)
  cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cpp ${CMAKE_SOURCE_DIR}/${name}/detail/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    # A module of headers only still is a static library, so that callers need not tell the two kinds apart.
    set(sources ${CMAKE_BINARY_DIR}/empty.cpp)
    file(CONFIGURE OUTPUT ${sources} CONTENT "// A module without sources.\n")
  endif()
  add_library(${name} STATIC ${sources})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS} project_warnings)
endfunction()

# add_unit_tests(MODULE LINKS ...): one binary from tests/unit/MODULE/*.cpp, registered with CTest as one test.
function(add_unit_tests module)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${module}_test ${sources})
  target_link_libraries(${module}_test PRIVATE ${module} ${ARG_LINKS} test_support GTest::gmock_main project_warnings)
  # Halves the time to compile them with the sanitizers; what they test is optimised all the same.
  target_compile_options(${module}_test PRIVATE $<$<CONFIG:Debug>:-O0>)
  target_compile_definitions(${module}_test PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME unit_${module} COMMAND ${module}_test)
  set_tests_properties(unit_${module} PROPERTIES LABELS unit TIMEOUT 600
                       ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp")
endfunction()
