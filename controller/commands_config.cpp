// config, config:get, config:set, config:unset, config:export, config:import, config:rotate-key
#include "base/env_file.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/config_operations.h"
#include "controller/render.h"
#include "controller/report.h"

namespace controller {
namespace {

int exportConfig(const Invocation& call) {
  const store::ConfigVars config = call.parts.store.currentRelease(call.app().id).config;
  call.print(renderConfig(config), base::formatEnvFile(config));
  return 0;
}

int showConfig(const Invocation& call) {
  if (call.flag("env")) return exportConfig(call);
  const store::App app = call.app();
  const store::Release release = call.parts.store.currentRelease(app.id);
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Config Vars"}};
  for (const auto& [key, value] : release.config) {
    rows.push_back({key + ":", value});
    const store::ConfigScope scope = scopeOf(release.configScopes, key);
    if (scope != store::ConfigScope::both) rows.back().push_back("(" + std::string(name(scope)) + " only)");
  }
  call.print(renderConfig(release.config), table(rows));
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

std::optional<store::ConfigScope> wantedScope(const Invocation& call) {
  const auto text = call.option("scope");
  if (!text) return std::nullopt;
  if (const auto scope = store::parseConfigScope(*text)) return scope;
  throw base::Error(base::Errc::invalidArgument, "--scope takes build, run or both");
}

int change(const Invocation& call, const ConfigPatch& patch) {
  const store::App app = call.app();
  const Released released =
      changeConfig(call.parts, app, {.patch = patch, .user = call.caller.user, .scope = wantedScope(call)});
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

/// What came with the command, or what its client sends now (SSH).
std::string inputOf(const Invocation& call) {
  constexpr std::size_t kMaxBytes = 1u << 20;
  if (!call.io.input.empty() || call.io.interaction == nullptr) return call.io.input;
  std::string text;
  char buffer[4096];
  while (const std::size_t count = call.io.interaction->read(buffer, sizeof buffer)) {
    text.append(buffer, count);
    if (text.size() > kMaxBytes)
      throw base::Error(base::Errc::invalidArgument, "the input is longer than 1 MiB: import it in parts");
  }
  return text;
}

int importConfig(const Invocation& call) {
  if (call.args[0] != "-")
    throw base::Error(
        base::Errc::invalidArgument,
        "a file is read where the command is typed: use fairlead config:import FILE, or - for the input");
  ConfigPatch patch;
  for (auto& [key, value] : base::parseEnvFile(inputOf(call)))
    patch[key] = value;
  if (patch.empty()) throw base::Error(base::Errc::invalidArgument, "there are no variables in the input");
  return change(call, patch);
}

int rotateKey(const Invocation& call) {
  const std::string id = call.parts.store.rotateConfigKey();
  auto json = base::makeJsonObject();
  json->set("key", id);
  call.print(json, "All config vars are sealed with the new key " + id +
                       " now: back up keys/config_keys of the data folder\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> configCommands() {
  return {
      {"config", "[--env] -a APP", "show the config vars", 0, 0, {"env"}, showConfig, Action::operateApp},
      {"config:get", "KEY -a APP", "show one config var's value", 1, 1, {}, getConfig, Action::operateApp},
      {"config:set",
       "KEY=VALUE... [--scope build|run|both] -a APP",
       "set config vars: makes a release and restarts",
       1,
       1000,
       {"scope="},
       setConfig,
       Action::operateApp},
      {"config:unset",
       "KEY... -a APP",
       "remove config vars: makes a release and restarts",
       1,
       1000,
       {},
       unsetConfig,
       Action::operateApp},
      {"config:export",
       "-a APP",
       "print the config vars as a .env file",
       0,
       0,
       {},
       exportConfig,
       Action::operateApp},
      {"config:import",
       "FILE|- [--scope build|run|both] -a APP",
       "set the config vars of a .env file: makes one release",
       1,
       1,
       {"scope="},
       importConfig,
       Action::operateApp},
      {"config:rotate-key",
       "",
       "seal all apps' config vars with a new key",
       0,
       0,
       {},
       rotateKey,
       Action::administer},
  };
}

}  // namespace controller
