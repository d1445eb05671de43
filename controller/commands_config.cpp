// config, config:get, config:set, config:unset
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/config_operations.h"
#include "controller/render.h"
#include "controller/report.h"

namespace controller {
namespace {

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

int change(const Invocation& call, const ConfigPatch& patch) {
  const store::App app = call.app();
  const Released released = changeConfig(call.parts, app, {.patch = patch, .user = call.caller.user});
  return reportRelease(call, app, released, renderConfig(released.release.config));
}

int setConfig(const Invocation& call) {
  ConfigPatch patch;
  for (const std::string& word : call.args) {
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      throw base::Error(base::Errc::invalidArgument,
                        "\"" + base::printable(word) + "\" is not of the form KEY=VALUE");
    patch[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return change(call, patch);
}

int unsetConfig(const Invocation& call) {
  ConfigPatch patch;
  for (const std::string& key : call.args)
    patch[key] = std::nullopt;
  return change(call, patch);
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
