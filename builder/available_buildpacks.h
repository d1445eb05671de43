// Which buildpacks a server has.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace builder {

struct BuildpackInfo {
  enum class Origin { operators, bundled };
  std::string name;
  Origin origin = Origin::bundled;
  bool detects = true;      ///< takes part in detection; else only by name
  std::string description;  ///< the first line of its README, may be empty
};

/// In the order of detection: the operator's in `folder` (which need not exist), sorted, then the bundled
/// ones that they do not replace.
std::vector<BuildpackInfo> availableBuildpacks(const std::filesystem::path& folder);

}  // namespace builder
