// config, config:get, config:set, config:unset
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/render.h"
#include "controller/report.h"

namespace controller {
namespace {

constexpr std::size_t kMaxConfigBytes =
    64u << 10;  // of all names and values: it must fit beside the arguments of any exec

void checkKey(const std::string& key) {
  const bool shaped =
      !key.empty() && key.size() <= 128 && !(key[0] >= '0' && key[0] <= '9') &&
      std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!shaped)
    throw base::Error(
        base::Errc::invalidArgument,
        "\"" + base::printable(key) + "\" is no name for a config var: use letters, digits and _");
}

void checkSize(const store::ConfigVars& config) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : config) {
    bytes += key.size() + value.size();
    if (value.find('\0') != std::string::npos)
      throw base::Error(base::Errc::invalidArgument,
                        "the value of " + key + " holds a zero byte, which no environment can");
  }
  if (bytes > kMaxConfigBytes)
    throw base::Error(base::Errc::invalidArgument,
                      "config vars may take 64K in all: keep large data in a file of the app");
}

int showConfig(const Invocation& call) {
  const store::App app = call.app();
  const store::ConfigVars config = call.parts.store.currentRelease(app.id).config;
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Config Vars"}};
  for (const auto& [key, value] : config)
    rows.push_back({key + ":", value});
  call.print(renderConfig(config), table(rows));
  return 0;
}

int getConfig(const Invocation& call) {
  const store::ConfigVars config = call.parts.store.currentRelease(call.app().id).config;
  const auto found = config.find(call.args[0]);
  if (found == config.end()) {
    call.io.err.write("fairlead: " + base::printable(call.args[0]) + " is not set\n");
    return 1;
  }
  auto json = base::makeJsonObject();
  json->set(found->first, found->second);
  call.print(json, found->second + "\n");
  return 0;
}

/// One release for the change, launched.
int changeConfig(const Invocation& call, const std::string& description,
                 const std::function<void(store::ConfigVars&)>& change) {
  const store::App app = call.app();
  const auto lease = call.parts.locks.lock(app.id);
  store::ConfigVars config = call.parts.store.currentRelease(app.id).config;
  change(config);
  checkSize(config);
  const store::Release release = call.parts.releases.create(app, {.description = description,
                                                                  .user = call.caller.user,
                                                                  .slug = std::nullopt,
                                                                  .config = config,
                                                                  .succeededBuild = std::nullopt});
  return reportRelease(call, app, call.parts.releases.launch(app, release, [](std::string_view) {}),
                       renderConfig(config));
}

int setConfig(const Invocation& call) {
  store::ConfigVars wanted;
  for (const std::string& word : call.args) {
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      throw base::Error(base::Errc::invalidArgument,
                        "\"" + base::printable(word) + "\" is not of the form KEY=VALUE");
    checkKey(word.substr(0, equals));
    wanted[word.substr(0, equals)] = word.substr(equals + 1);
  }
  std::vector<std::string> keys;
  for (const auto& [key, value] : wanted)
    keys.push_back(key);
  return changeConfig(call, "Set " + base::join(keys, ", ") + " config vars", [&](store::ConfigVars& config) {
    for (const auto& [key, value] : wanted)
      config[key] = value;
  });
}

int unsetConfig(const Invocation& call) {
  return changeConfig(call, "Unset " + base::join(call.args, ", ") + " config vars",
                      [&](store::ConfigVars& config) {
                        for (const std::string& key : call.args) {
                          checkKey(key);
                          if (config.erase(key) == 0)
                            throw base::Error(base::Errc::notFound, key + " is not set");
                        }
                      });
}

}  // namespace

std::vector<CommandSpec> configCommands() {
  return {
      {"config", "-a APP", "show the config vars", 0, 0, {}, showConfig},
      {"config:get", "KEY -a APP", "show one config var's value", 1, 1, {}, getConfig},
      {"config:set",
       "KEY=VALUE... -a APP",
       "set config vars: makes a release and restarts",
       1,
       1000,
       {},
       setConfig},
      {"config:unset",
       "KEY... -a APP",
       "remove config vars: makes a release and restarts",
       1,
       1000,
       {},
       unsetConfig},
  };
}

}  // namespace controller
