#include "builder/detail/buildpack_library.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;

/// Beside the buildpacks: what several of them source, copied into the lib folder of each.
constexpr std::string_view kShared = "shared/";

struct Bundled {
  std::string name;
  bool detects;  ///< takes part in detection
};

/// In the order of detection: Heroku's for the languages, then what takes apps of no language.
/// docs/buildpacks.md has the table.
const std::vector<Bundled>& bundled() {
  static const std::vector<Bundled> all = {{"ruby", true},   {"nodejs", true},   {"python", true},
                                           {"java", true},   {"php", true},      {"go", true},
                                           {"static", true}, {"procfile", true}, {"apt", false}};
  return all;
}

bool isBundled(const std::string& name) {
  return std::any_of(bundled().begin(), bundled().end(),
                     [&](const Bundled& each) { return each.name == name; });
}

constexpr auto kExecutable = fs::perms{0755};
constexpr std::size_t kDescriptionBytes = 200;
constexpr std::size_t kReadmeBytes = 64 * 1024;

void makeProgramsExecutable(const fs::path& buildpack) {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(buildpack / "bin", missing)) {
    if (entry.is_regular_file() && !entry.is_symlink()) fs::permissions(entry.path(), kExecutable);
  }
}

void copyBundled(const std::string& name, const fs::path& target) {
  const std::string prefix = name + "/";
  for (const auto& [path, text] : bundledFiles()) {
    fs::path file;
    if (path.starts_with(prefix)) file = target / path.substr(prefix.size());
    if (path.starts_with(kShared)) file = target / "lib" / path.substr(kShared.size());
    if (file.empty()) continue;
    fs::create_directories(file.parent_path());
    base::writeAll(base::openFile(file, O_WRONLY | O_CREAT | O_EXCL, 0644), text);
  }
}

/// The first line of a README that is neither empty nor a heading, without markup.
std::string describe(std::string_view readme) {
  for (const auto& whole : base::split(readme, '\n')) {
    const auto line = base::trim(whole);
    if (line.empty() || line.front() == '#') continue;
    std::string text(line.substr(0, kDescriptionBytes));
    std::erase_if(text, [](char c) { return c == '`' || c == '*'; });
    return base::printable(text);
  }
  return "";
}

std::string describeBundled(const std::string& name) {
  for (const auto& [path, text] : bundledFiles()) {
    if (path == name + "/README.md") return describe(text);
  }
  return "";
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

std::vector<BuildpackInfo> BuildpackLibrary::list() const {
  std::vector<BuildpackInfo> all;
  for (const auto& name : operatorNames()) {
    const fs::path readme = folder_ / name / "README.md";
    std::error_code missing;
    const bool readable = fs::file_size(readme, missing) <= kReadmeBytes && !missing;
    all.push_back({.name = name,
                   .origin = BuildpackInfo::Origin::operators,
                   .detects = true,
                   .description = readable ? describe(base::readFile(readme, kReadmeBytes)) : ""});
  }
  const auto replaced = operatorNames();
  for (const auto& each : bundled()) {
    if (contains(replaced, each.name)) continue;
    all.push_back({.name = each.name,
                   .origin = BuildpackInfo::Origin::bundled,
                   .detects = each.detects,
                   .description = describeBundled(each.name)});
  }
  return all;
}

std::vector<std::string> BuildpackLibrary::names() const {
  std::vector<std::string> names;
  for (auto& each : list())
    names.push_back(std::move(each.name));
  return names;
}

std::vector<std::string> BuildpackLibrary::detecting() const {
  std::vector<std::string> names;
  for (auto& each : list()) {
    if (each.detects) names.push_back(std::move(each.name));
  }
  return names;
}

bool BuildpackLibrary::has(const std::string& name) const {
  return isBundled(name) || contains(operatorNames(), name);
}

void BuildpackLibrary::copy(const std::string& name, const fs::path& target) const {
  if (contains(operatorNames(), name)) {
    fs::create_directories(target.parent_path());
    // The operator may have put a link to a folder there.
    fs::copy(fs::canonical(folder_ / name), target,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  } else if (isBundled(name)) {
    copyBundled(name, target);
  } else {
    throw base::Error(base::Errc::notFound, "there is no buildpack " + base::printable(name));
  }
  makeProgramsExecutable(target);
}

}  // namespace builder::detail
