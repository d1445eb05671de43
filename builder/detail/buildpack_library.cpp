#include "builder/detail/buildpack_library.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;

/// Most particular first; procfile takes whatever has a Procfile.
const std::vector<std::string>& bundledNames() {
  static const std::vector<std::string> names = {"nodejs", "static", "procfile"};
  return names;
}

constexpr auto kExecutable = fs::perms{0755};

void makeProgramsExecutable(const fs::path& buildpack) {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(buildpack / "bin", missing)) {
    if (entry.is_regular_file() && !entry.is_symlink()) fs::permissions(entry.path(), kExecutable);
  }
}

void copyBundled(const std::string& name, const fs::path& target) {
  const std::string prefix = name + "/";
  for (const auto& [path, text] : bundledFiles()) {
    if (!path.starts_with(prefix)) continue;
    const fs::path file = target / path.substr(prefix.size());
    fs::create_directories(file.parent_path());
    base::writeAll(base::openFile(file, O_WRONLY | O_CREAT | O_EXCL, 0644), text);
  }
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<std::string> BuildpackLibrary::operatorNames() const {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder_, missing)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> BuildpackLibrary::names() const {
  auto names = operatorNames();
  for (const auto& name : bundledNames()) {
    if (!contains(names, name)) names.push_back(name);
  }
  return names;
}

bool BuildpackLibrary::has(const std::string& name) const {
  return contains(names(), name);
}

void BuildpackLibrary::copy(const std::string& name, const fs::path& target) const {
  if (contains(operatorNames(), name)) {
    fs::create_directories(target.parent_path());
    // The operator may have put a link to a folder there.
    fs::copy(fs::canonical(folder_ / name), target,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  } else if (contains(bundledNames(), name)) {
    copyBundled(name, target);
  } else {
    throw base::Error(base::Errc::notFound, "there is no buildpack " + base::printable(name));
  }
  makeProgramsExecutable(target);
}

}  // namespace builder::detail
