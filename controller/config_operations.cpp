#include "controller/config_operations.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

void checkKey(const std::string& key) {
  const bool shaped =
      !key.empty() && key.size() <= 128 && !(key[0] >= '0' && key[0] <= '9') &&
      std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!shaped)
    throw base::Error(
        base::Errc::invalidArgument,
        "\"" + base::printable(key) + "\" is no name for a config var: use letters, digits and _");
}

void checkSize(const store::ConfigVars& config, std::uint64_t maxBytes) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : config) {
    bytes += key.size() + value.size();
    if (value.find('\0') != std::string::npos)
      throw base::Error(base::Errc::invalidArgument,
                        "the value of " + key + " holds a zero byte, which no environment can");
  }
  if (bytes > maxBytes)
    throw base::Error(base::Errc::invalidArgument,
                      "config vars may take " + base::formatBytes(maxBytes) +
                          " in all, by the setting config_max_bytes: keep large data in a file of the app");
}

/// "Set FOO, BAR config vars", "Set FOO and unset BAR config vars".
std::string describe(const ConfigPatch& patch) {
  std::vector<std::string> set;
  std::vector<std::string> removed;
  for (const auto& [key, value] : patch)
    (value ? set : removed).push_back(key);
  std::string text = set.empty() ? "" : "Set " + base::join(set, ", ");
  if (!removed.empty()) text += (set.empty() ? "Unset " : " and unset ") + base::join(removed, ", ");
  return text + " config vars";
}

}  // namespace

Released changeConfig(const CommandParts& parts, const store::App& app, const ConfigChange& change) {
  for (const auto& [key, value] : change.patch)
    checkKey(key);
  const auto lease = parts.locks.lock(app.id);
  const store::Release current = parts.store.currentRelease(app.id);
  store::ConfigVars config = current.config;
  store::ConfigScopes scopes = current.configScopes;
  for (const auto& [key, value] : change.patch) {
    if (value) {
      config[key] = *value;
      if (change.scope) scopes[key] = *change.scope;
    } else if (config.erase(key) == 0 && change.missing == ConfigChange::Missing::refused) {
      throw base::Error(base::Errc::notFound, key + " is not set");
    }
  }
  std::erase_if(scopes, [](const auto& each) { return each.second == store::ConfigScope::both; });
  if (config == current.config && scopes == current.configScopes)
    return {.release = current, .failed = std::nullopt};
  checkSize(config, parts.serviceLimits.configMaxBytes);
  const store::Release release = parts.releases.create(app, {.description = describe(change.patch),
                                                             .user = change.user,
                                                             .slug = std::nullopt,
                                                             .config = config,
                                                             .configScopes = scopes,
                                                             .succeededBuild = std::nullopt});
  return parts.releases.launch(app, release, [](std::string_view) {});
}

}  // namespace controller
