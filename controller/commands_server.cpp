// keys, keys:add, keys:remove, buildpacks:available, version, server:stop
#include "base/error.h"
#include "base/strings.h"
#include "base/version.h"
#include "builder/available_buildpacks.h"
#include "controller/command_set.h"
#include "controller/render.h"
#include "gitd/ssh_server.h"

namespace controller {
namespace {

int listKeys(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::Key& key : call.parts.store.keys()) {
    json->add(renderKey(key));
    rows.push_back({key.user, key.fingerprint, key.comment});
  }
  call.print(json,
             rows.empty() ? "There are no keys yet: add one with fairlead keys:add FILE.pub\n" : table(rows));
  return 0;
}

int addKey(const Invocation& call) {
  // The words of a key may come as one argument, as several, or as text beside the command.
  std::string line = base::join(call.args, " ");
  if (line.empty() || line == "-") line = call.io.input;
  const gitd::PublicKey parsed = gitd::parsePublicKey(line);
  const store::Key key{.fingerprint = parsed.fingerprint,
                       .publicKey = parsed.canonical,
                       .comment = parsed.comment,
                       .user = call.option("user").value_or(call.caller.user),
                       .createdAt = call.parts.clock.now()};
  call.parts.store.addKey(key);
  call.print(renderKey(key), "Key " + key.fingerprint + " added for " + key.user + "\n");
  return 0;
}

int removeKey(const Invocation& call) {
  if (!call.parts.store.findKey(call.args[0]))
    throw base::Error(base::Errc::notFound,
                      "there is no key " + base::printable(call.args[0]) + ": see fairlead keys");
  call.parts.store.removeKey(call.args[0]);
  call.print("Key " + call.args[0] + " removed\n");
  return 0;
}

int listAvailableBuildpacks(const Invocation& call) {
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const auto& each : builder::availableBuildpacks(call.parts.folder.buildpacks())) {
    const bool bundled = each.origin == builder::BuildpackInfo::Origin::bundled;
    auto entry = base::makeJsonObject();
    entry->set("name", each.name);
    entry->set("origin", bundled ? "bundled" : "operator");
    entry->set("detects", each.detects);
    entry->set("description", each.description);
    json->add(entry);
    rows.push_back({each.name, bundled ? "bundled" : "operator", each.detects ? "detected" : "by name",
                    each.description});
  }
  call.print(json, table(rows));
  return 0;
}

int showVersion(const Invocation& call) {
  auto json = base::makeJsonObject();
  json->set("version", std::string(base::kVersion));
  json->set("runtime", call.parts.runtime.describe());
  call.print(json, "fairlead " + std::string(base::kVersion) + "\n");
  return 0;
}

int stopServer(const Invocation& call) {
  if (!call.caller.local)
    throw base::Error(base::Errc::permissionDenied, "server:stop works on the server's own machine only");
  call.print(call.flag("all") ? "Stopping the server, its apps and the router\n"
                              : "Stopping the server; the apps keep running\n");
  call.parts.shutdown(call.flag("all"));
  return 0;
}

}  // namespace

std::vector<CommandSpec> serverCommands() {
  return {
      {"keys", "", "list the keys that may push", 0, 0, {}, listKeys},
      {"keys:add", "[FILE.pub] [--user NAME]", "let a key push", 0, 8, {"user="}, addKey},
      {"keys:remove", "FINGERPRINT", "take a key's right away", 1, 1, {}, removeKey},
      {"buildpacks:available",
       "",
       "list the buildpacks at hand, in the order of detection",
       0,
       0,
       {},
       listAvailableBuildpacks},
      {"version", "", "show the server's version", 0, 0, {}, showVersion},
      {"server:stop",
       "[--all]",
       "end the server; with --all the apps and the router too",
       0,
       0,
       {"all"},
       stopServer},
  };
}

}  // namespace controller
