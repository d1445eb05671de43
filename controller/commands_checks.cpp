// checks, checks:set, checks:unset
#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "controller/check_operations.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

using Kind = store::ProcessCheck::Kind;
using Means = store::ProcessCheck::Means;

std::string howOften(const store::ProcessCheck& check) {
  if (check.means == Means::none || check.means == Means::uptime) return "";
  return "every " + std::to_string(check.wait.count()) + " s, " + std::to_string(check.attempts) +
         (check.attempts == 1 ? " attempt" : " attempts") + " of " + std::to_string(check.timeout.count()) + " s";
}

int listChecks(const Invocation& call) {
  const store::App app = call.app();
  const store::ProcessChecks checks = checksOf(call.parts, app);
  std::vector<std::vector<std::string>> rows;
  for (const auto& [type, list] : checks)
    for (const store::ProcessCheck& check : list)
      rows.push_back({type + ":", std::string(name(check.kind)), check.describe(), howOften(check)});
  call.print(store::checksJson(checks),
             rows.empty() ? "No checks: a web process is up when its port is open, another when it runs\n"
                          : table(rows));
  return 0;
}

/// As app.json would have it, so that one reader checks both.
base::JsonObject::Ptr wishOf(const Invocation& call) {
  auto json = base::makeJsonObject();
  json->set("type", call.args[1]);
  for (const char* text : {"path", "command", "status", "content", "name"})
    if (const auto value = call.option(text)) json->set(text, *value);
  constexpr std::array kNumbers{std::pair{"uptime", "uptime"}, std::pair{"initial-delay", "initialDelay"},
                                std::pair{"wait", "wait"}, std::pair{"timeout", "timeout"},
                                std::pair{"attempts", "attempts"}};
  for (const auto& [option, member] : kNumbers)
    if (call.option(option)) json->set(member, static_cast<std::uint64_t>(call.number(option, 0)));
  if (const auto host = call.option("host")) {
    auto header = base::makeJsonObject();
    header->set("name", "Host");
    header->set("value", *host);
    auto headers = base::makeJsonArray();
    headers->add(header);
    json->set("httpHeaders", headers);
  }
  if (call.flag("port")) json->set("listening", true);
  if (call.flag("none")) json->set("none", true);
  return json;
}

int setOne(const Invocation& call) {
  const store::App app = call.app();
  const std::string& type = call.args[0];
  auto list = base::makeJsonArray();
  list->add(wishOf(call));
  auto object = base::makeJsonObject();
  object->set(type, list);
  setCheck(call.parts, app, type, store::parseChecks(object, "checks").at(type).front());
  return listChecks(call);
}

int unset(const Invocation& call) {
  const store::App app = call.app();
  std::optional<Kind> kind;
  if (call.args.size() > 1) {
    for (const Kind each : {Kind::startup, Kind::readiness, Kind::liveness})
      if (name(each) == call.args[1]) kind = each;
    if (!kind)
      throw base::Error(base::Errc::invalidArgument, "\"" + base::printable(call.args[1]) +
                                                         "\" is not startup, readiness or liveness");
  }
  unsetChecks(call.parts, app, call.args[0], kind);
  return listChecks(call);
}

}  // namespace

std::vector<CommandSpec> checkCommands() {
  return {
      {"checks", "-a APP", "show how processes are asked whether they are well", 0, 0, {}, listChecks,
       Action::viewApp},
      {"checks:set",
       "TYPE startup|readiness|liveness --path PATH|--command CMD|--port|--uptime S|--none -a APP",
       "have the processes of a type asked; over what app.json says",
       2,
       2,
       {"path=", "command=", "port", "uptime=", "none", "status=", "content=", "host=", "name=",
        "initial-delay=", "wait=", "timeout=", "attempts="},
       setOne,
       Action::operateApp},
      {"checks:unset", "TYPE [startup|readiness|liveness] -a APP", "as app.json says again", 1, 2, {}, unset,
       Action::operateApp},
  };
}

}  // namespace controller
