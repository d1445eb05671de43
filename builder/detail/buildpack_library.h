// The buildpacks at hand: the operator's folders and those compiled in.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/available_buildpacks.h"

namespace builder::detail {

/// The bundled ones, as (NAME/path, text). Made from builder/buildpacks/.
const std::vector<std::pair<std::string_view, std::string_view>>& bundledFiles();

/// Thread-safe; reads the operator's folder anew each time.
class BuildpackLibrary {
 public:
  /// `folder` need not exist.
  explicit BuildpackLibrary(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// In the order of detection: the operator's, sorted, then the bundled ones that they do not replace.
  std::vector<BuildpackInfo> list() const;
  std::vector<std::string> names() const;
  /// Those of list() that are asked in detection.
  std::vector<std::string> detecting() const;
  bool has(const std::string& name) const;
  /// A fresh copy in `target`, which must not exist; bin/* are executable. Throws notFound, io.
  void copy(const std::string& name, const std::filesystem::path& target) const;

 private:
  std::vector<std::string> operatorNames() const;
  std::filesystem::path folder_;
};

}  // namespace builder::detail
