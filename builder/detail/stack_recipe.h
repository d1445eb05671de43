// What a stack made from Debian's packages consists of, and the command line that makes it.
#pragma once

#include <string>
#include <vector>

namespace builder::detail {

enum class StackPart { run, build };

struct StackRecipe {
  std::string name;     ///< "debian-12"
  std::string release;  ///< "bookworm"
};

const std::vector<StackRecipe>& stackRecipes();

/// mmdebstrap's arguments: apt sources on stdin, the image's tar on stdout, progress on stderr. `aptSettings`
/// are apt.conf lines for the making only.
std::vector<std::string> mmdebstrapArguments(const StackRecipe& recipe, StackPart part,
                                             const std::vector<std::string>& aptSettings);

/// SOURCE_DATE_EPOCH of every stack.
constexpr long kStackTimeSeconds = 1735689600;

}  // namespace builder::detail
