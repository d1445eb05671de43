// The program's version, from CMakeLists.txt.
#pragma once

#include <string_view>

namespace base {

inline constexpr std::string_view kVersion = FAIRLEAD_VERSION;

}  // namespace base
