// Refs that a service does not show. (git-config, transfer.hideRefs.)
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace git {

/// A list of prefixes, of which the last that fits decides: "refs/x" hides it and what is below, "!refs/x"
/// shows it again; "^" in front of a name (behind "!") stands for the full name, which here every name is. A
/// value.
class HiddenRefs {
 public:
  HiddenRefs() = default;
  explicit HiddenRefs(std::vector<std::string> patterns);
  bool hides(std::string_view name) const noexcept;
  bool empty() const noexcept { return patterns_.empty(); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace git
