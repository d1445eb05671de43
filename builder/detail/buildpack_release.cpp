#include "builder/detail/buildpack_release.h"

#include <algorithm>

#include "base/strings.h"
#include "builder/detail/procfile.h"
#include "builder/detail/yaml.h"

namespace builder::detail {
namespace {

using Pairs = std::map<std::string, std::string>;

/// Members that are scalars and have a name that `valid` takes; a fault in words otherwise.
std::variant<Pairs, ReleaseError> pairsOf(const YamlNode& root, std::string_view key,
                                          bool (*valid)(std::string_view)) {
  Pairs pairs;
  const YamlNode* node = root.member(key);
  if (node == nullptr || node->kind == YamlNode::Kind::null) return pairs;
  if (node->kind != YamlNode::Kind::map) {
    if (node->kind == YamlNode::Kind::list && node->items.empty()) return pairs;
    return ReleaseError{std::string(key) + " is not a map"};
  }
  for (const auto& [name, value] : node->members) {
    if (value.kind == YamlNode::Kind::list || value.kind == YamlNode::Kind::map) {
      return ReleaseError{std::string(key) + " has a member " + base::printable(name) +
                          " that is not a text"};
    }
    if (!valid(name)) return ReleaseError{std::string(key) + " has the name '" + base::printable(name) + "'"};
    if (value.scalar.find('\0') != std::string::npos)
      return ReleaseError{std::string(key) + " has a NUL byte"};
    pairs[name] = value.scalar;
  }
  return pairs;
}

}  // namespace

bool isConfigVarName(std::string_view name) noexcept {
  const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && isLetter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return isLetter(c) || (c >= '0' && c <= '9'); });
}

std::variant<BuildpackRelease, ReleaseError> parseRelease(std::string_view text) {
  auto parsed = parseYaml(text);
  if (const auto* error = std::get_if<YamlError>(&parsed)) return ReleaseError{error->message};
  const auto& root = std::get<YamlNode>(parsed);
  if (root.kind == YamlNode::Kind::list && !root.items.empty())
    return ReleaseError{"it is a list, not a map"};

  BuildpackRelease release;
  auto config = pairsOf(root, "config_vars", &isConfigVarName);
  if (const auto* error = std::get_if<ReleaseError>(&config)) return *error;
  release.configVars = std::get<Pairs>(std::move(config));
  auto types = pairsOf(root, "default_process_types", &isProcessType);
  if (const auto* error = std::get_if<ReleaseError>(&types)) return *error;
  release.processTypes = std::get<Pairs>(std::move(types));
  std::erase_if(release.processTypes, [](const auto& type) { return type.second.empty(); });
  if (const YamlNode* addons = root.member("addons")) {
    for (const auto& item : addons->items)
      release.addons.push_back(item.scalar);
  }
  return release;
}

}  // namespace builder::detail
