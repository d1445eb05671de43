# embed_texts(TARGET NAMESPACE SYMBOL FOLDER PATTERN): compiles the text files FOLDER/PATTERN, those in deeper folders too, into TARGET, sorted by name, as
#   namespace NAMESPACE { const std::vector<std::pair<std::string_view, std::string_view>>& SYMBOL(); }   (path below FOLDER, text)
# which the user declares. Files of at most 64 KiB each that do not hold the closing )text" mark.
function(embed_texts target namespace symbol folder pattern)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/${pattern})
  list(SORT files)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  set(entries "")
  foreach(file IN LISTS files)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${folder} OUTPUT_VARIABLE name)
    file(READ ${file} text)
    string(APPEND entries "      {\"${name}\", R\"text(${text})text\"},\n")
  endforeach()
  set(code "// Made by cmake/embed.cmake; edit the files in their folder instead.
#include <string_view>
#include <utility>
#include <vector>

namespace ${namespace} {
const std::vector<std::pair<std::string_view, std::string_view>>& ${symbol}();
const std::vector<std::pair<std::string_view, std::string_view>>& ${symbol}() {
  static const std::vector<std::pair<std::string_view, std::string_view>> files = {
${entries}  };
  return files;
}
}  // namespace ${namespace}
")
  set(output ${CMAKE_BINARY_DIR}/embedded/${target}_${symbol}.cpp)
  file(WRITE ${output}.new "${code}")
  file(COPY_FILE ${output}.new ${output} ONLY_IF_DIFFERENT)
  target_sources(${target} PRIVATE ${output})
endfunction()
