#include "base/overlay_xattr.h"

#include <cstdint>
#include <fstream>

namespace base {

bool isHostsUserNamespace() {
  static const bool isHosts = [] {
    constexpr std::uint64_t kAll = UINT32_MAX;
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t first = 0;
    std::uint64_t outside = 0;
    std::uint64_t count = 0;
    return !(map >> first >> outside >> count) || (first == 0 && outside == 0 && count == kAll);
  }();
  return isHosts;
}

const char* opaqueXattr() {
  return isHostsUserNamespace() ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

}  // namespace base
