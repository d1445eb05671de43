#include "base/overlay_xattr.h"

#include <fstream>

namespace base {

std::optional<UserMapping> firstUserMapping() {
  std::ifstream map("/proc/self/uid_map");
  UserMapping mapping;
  if (!(map >> mapping.first >> mapping.outside >> mapping.count)) return std::nullopt;
  return mapping;
}

bool isHostsUserNamespace() {
  static const bool isHosts = [] {
    const auto mapping = firstUserMapping();
    return !mapping || (mapping->first == 0 && mapping->outside == 0 && mapping->count == UINT32_MAX);
  }();
  return isHosts;
}

const char* opaqueXattr() {
  return isHostsUserNamespace() ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

}  // namespace base
