// keys, keys:add, keys:remove, buildpacks:available, version, server:stop
#include "base/error.h"
#include "base/strings.h"
#include "base/version.h"
#include "builder/available_buildpacks.h"
#include "controller/command_set.h"
#include "controller/events_api.h"
#include "controller/render.h"
#include "gitd/ssh_server.h"

namespace controller {
namespace {

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

std::string eventLine(const store::Event& event) {
  constexpr std::size_t kShown = 500;
  std::string line = base::toRfc3339(event.at) + "  " + (event.actor.empty() ? "fairlead" : event.actor);
  if (!event.via.empty()) line += " (" + event.via + ")";
  line += "  " + (event.appName.empty() ? "-" : event.appName) + "  " + event.kind + "  ";
  return line + base::printable(event.sentence, kShown) + "\n";
}

int showEvents(const Invocation& call) {
  constexpr std::size_t kShown = 100;
  const bool ofApp = call.option("app") || !call.io.defaultApp.empty();
  const auto app = ofApp ? std::optional(call.app().id) : std::nullopt;
  const auto show = [&](const store::Event& event) {
    call.print(call.flag("json") ? base::toJson(renderEvent(event)) + "\n" : eventLine(event));
  };
  store::EventStore events(call.parts.store);
  const auto latest = events.newest(std::nullopt, 1);
  std::int64_t last = latest.empty() ? 0 : latest.back().id;
  const auto newest = events.newest(app, call.number("num", kShown));
  if (call.flag("json") && !call.flag("tail")) {
    auto json = base::makeJsonArray();
    for (const store::Event& event : newest)
      json->add(renderEvent(event));
    call.print(json, "");
    return 0;
  }
  for (const store::Event& event : newest) {
    show(event);
    last = event.id;
  }
  if (!call.flag("tail")) return 0;
  events.follow(last, app,
                {.show = show, .check = [&] { app ? void(call.app()) : call.require(Action::readServer); }},
                call.io.stop);
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
  if (!call.caller.isLocal())
    throw base::Error(base::Errc::permissionDenied, "server:stop works on the server's own machine only");
  auto json = base::makeJsonObject();
  json->set("all", call.flag("all"));
  call.print(json, call.flag("all") ? "Stopping the server, its apps and the router\n"
                                    : "Stopping the server; the apps keep running\n");
  if (call.io.ending) call.io.ending();
  call.parts.shutdown(call.flag("all"));
  return 0;
}

}  // namespace

std::vector<CommandSpec> serverCommands() {
  return {
      {"buildpacks:available",
       "",
       "list the buildpacks at hand, in the order of detection",
       0,
       0,
       {},
       listAvailableBuildpacks,
       Action::identify},
      {"events",
       "[-a APP] [-n N] [--tail]",
       "who changed what, when; with --tail as it happens",
       0,
       0,
       {"num=", "tail"},
       showEvents,
       Action::viewApp,
       Action::readServer},
      {"version", "", "show the server's version", 0, 0, {}, showVersion, Action::identify},
      {"server:stop",
       "[--all]",
       "end the server, and wait for it; with --all the apps and the router too",
       0,
       0,
       {"all"},
       stopServer,
       Action::administer},
  };
}

}  // namespace controller
