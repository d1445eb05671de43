#include "builder/detail/buildpack_choice.h"

#include <algorithm>
#include <array>

namespace builder::detail {
namespace {

namespace fs = std::filesystem;

struct Mark {
  std::string_view buildpack;
  std::string_view file;
};

/// Grouped by buildpack, in Heroku's order.
constexpr std::array<Mark, 34> kMarks = {{{"ruby", "Gemfile"},
                                          {"nodejs", "package.json"},
                                          {"clojure", "project.clj"},
                                          {"python", "requirements.txt"},
                                          {"python", "setup.py"},
                                          {"python", "Pipfile"},
                                          {"python", "pyproject.toml"},
                                          {"python", "poetry.lock"},
                                          {"python", "uv.lock"},
                                          {"python", ".python-version"},
                                          {"python", "runtime.txt"},
                                          {"python", "manage.py"},
                                          {"java", "pom.xml"},
                                          {"java", "pom.atom"},
                                          {"java", "pom.clj"},
                                          {"java", "pom.groovy"},
                                          {"java", "pom.rb"},
                                          {"java", "pom.scala"},
                                          {"java", "pom.yaml"},
                                          {"java", "pom.yml"},
                                          {"gradle", "gradlew"},
                                          {"gradle", "build.gradle"},
                                          {"gradle", "build.gradle.kts"},
                                          {"gradle", "settings.gradle"},
                                          {"gradle", "settings.gradle.kts"},
                                          {"scala", "build.sbt"},
                                          {"scala", "project/build.properties"},
                                          {"php", "composer.json"},
                                          {"php", "index.php"},
                                          {"go", "go.mod"},
                                          {"go", "Gopkg.lock"},
                                          {"go", "Godeps/Godeps.json"},
                                          {"go", "vendor/vendor.json"},
                                          {"go", "glide.yaml"}}};

/// Bundled ones that go by another name at Heroku.
std::string nameHere(const std::string& name) {
  return name == "gradle" || name == "jvm" ? "java" : name;
}

BuildpackSource named(std::string name) {
  BuildpackSource source;
  source.name = std::move(name);
  return source;
}

bool needsNoLanguage(const std::string& name) {
  return name == "static" || name == "procfile";
}

}  // namespace

BuildpackSource herokus(std::string_view name, std::string_view ref) {
  BuildpackSource source;
  source.kind = BuildpackSource::Kind::git;
  source.name = std::string(name);
  source.url =
      "https://github.com/heroku/heroku-buildpack-" + std::string(name == "jvm" ? "jvm-common" : name);
  source.ref = std::string(ref);
  return source;
}

std::optional<std::string> herokuName(const fs::path& appFolder) {
  for (const Mark& mark : kMarks) {
    std::error_code missing;
    if (fs::exists(fs::symlink_status(appFolder / mark.file, missing))) return std::string(mark.buildpack);
  }
  return std::nullopt;
}

std::vector<BuildpackSource> detectionSources(BuildpackOrigin origin, const BuildpackLibrary& library,
                                              const fs::path& appFolder) {
  std::vector<BuildpackSource> sources;
  if (origin == BuildpackOrigin::bundled) {
    for (auto& name : library.detecting())
      sources.push_back(named(std::move(name)));
    return sources;
  }
  const auto list = library.list();
  const auto isOperators = [](const BuildpackInfo& each) {
    return each.origin == BuildpackInfo::Origin::operators;
  };
  for (const auto& each : list) {
    if (isOperators(each)) sources.push_back(named(each.name));
  }
  if (const auto name = herokuName(appFolder)) sources.push_back(herokus(*name));
  for (const auto& each : list) {
    if (!isOperators(each) && needsNoLanguage(each.name)) sources.push_back(named(each.name));
  }
  return sources;
}

BuildpackSource resolve(BuildpackSource source, BuildpackOrigin origin, const BuildpackLibrary& library) {
  if (!source.herokuName) return source;
  const std::string here = library.has(source.name) ? source.name : nameHere(source.name);
  if (origin == BuildpackOrigin::bundled && source.ref.empty() && library.has(here)) return named(here);
  return herokus(source.name, source.ref);
}

}  // namespace builder::detail
