#include "server/host_environment.h"

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/strings.h"

namespace server {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// `registry=URL` of an npmrc file, or empty.
std::string registryOf(const std::filesystem::path& file) {
  std::error_code missing;
  if (!std::filesystem::is_regular_file(file, missing)) return "";
  for (const std::string& line : base::split(base::readFile(file, 1u << 20), '\n')) {
    const auto equals = line.find('=');
    if (equals != std::string::npos && base::trim(line.substr(0, equals)) == "registry")
      return std::string(base::trim(std::string_view(line).substr(equals + 1)));
  }
  return "";
}

std::string npmRegistry() {
  if (std::string set = variable("npm_config_registry"); !set.empty()) return set;
  for (const std::string& file :
       {variable("HOME") + "/.npmrc", std::string("/etc/npmrc"), std::string("/usr/etc/npmrc")}) {
    if (std::string set = registryOf(file); !set.empty()) return set;
  }
  return "";
}

/// Where builds fetch from instead of each language's own site. docs/buildpacks.md has them by buildpack.
constexpr std::array<const char*, 10> kMirrors = {
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST",   "GOPROXY",          "GOSUMDB",
    "GONOSUMDB",     "GO_DOWNLOAD_URL",     "BUNDLE_MIRROR__ALL", "MAVEN_MIRROR_URL", "COMPOSER_MIRROR_URL"};

}  // namespace

std::vector<std::pair<std::string, std::string>> hostEnvironment() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const char* name : {"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                           "NO_PROXY", "ALL_PROXY"}) {
    if (std::string value = variable(name); !value.empty()) all.emplace_back(name, value);
  }
  for (const char* name : kMirrors) {
    if (std::string value = variable(name); !value.empty()) all.emplace_back(name, value);
  }
  if (std::string registry = npmRegistry(); !registry.empty())
    all.emplace_back("npm_config_registry", registry);
  return all;
}

}  // namespace server
