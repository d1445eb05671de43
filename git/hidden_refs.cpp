#include "git/hidden_refs.h"

#include <algorithm>
#include <utility>

namespace git {

HiddenRefs::HiddenRefs(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {
  for (std::string& pattern : patterns_) {
    while (pattern.ends_with('/'))
      pattern.pop_back();
  }
}

bool HiddenRefs::hides(std::string_view name) const noexcept {
  for (auto at = patterns_.rbegin(); at != patterns_.rend(); ++at) {
    std::string_view pattern = *at;
    const bool shown = pattern.starts_with('!');
    if (shown) pattern.remove_prefix(1);
    if (pattern.starts_with('^')) pattern.remove_prefix(1);
    if (!name.starts_with(pattern)) continue;
    if (name.size() == pattern.size() || name[pattern.size()] == '/') return !shown;
  }
  return false;
}

}  // namespace git
