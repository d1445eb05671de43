// /apps/A/dynos: what runs, one-off processes, and the ends of both.
#include <algorithm>

#include "api/route.h"
#include "api/shapes.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/process_operations.h"
#include "controller/release_operations.h"
#include "controller/render.h"
#include "controller/rendezvous.h"
#include "controller/run_operations.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

Reply listDynos(const Call& call) {
  Listing listing{.fields = {"name", "id"}};
  for (const auto& process : controller::processesOf(call.parts.control, call.app()))
    listing.all.push_back(controller::renderProcess(call.app(), process));
  return page(call, std::move(listing));
}

runner::ProcessStatus dynoNamed(const Call& call) {
  for (auto& process : controller::processesOf(call.parts.control, call.app())) {
    const auto json = controller::renderProcess(call.app(), process);
    if (process.name == call.word("dyno") || base::jsonString(json, "id") == call.word("dyno"))
      return std::move(process);
  }
  throw Error(Errc::notFound, "there is no process " + base::printable(call.word("dyno")) + " of " +
                                  call.app().name.str() + ": see fairlead ps");
}

Reply showDyno(const Call& call) {
  return reply(controller::renderProcess(call.app(), dynoNamed(call)));
}

/// Values of the shell are strings, whatever they look like.
store::ConfigVars environmentIn(const Call& call) {
  store::ConfigVars environment;
  if (!call.body->isObject("env")) return environment;
  const auto env = call.body->getObject("env");
  for (const std::string& name : env->getNames()) {
    const Poco::Dynamic::Var value = env->get(name);
    const bool plain = value.isString() || value.isNumeric() || value.isBoolean();
    const std::string text = plain ? value.convert<std::string>() : "";
    if (!plain || name.empty() || (name + text).find('\0') != std::string::npos ||
        name.find('=') != std::string::npos)
      throw Error(Errc::invalidArgument, "env." + base::printable(name) + " must be a string");
    environment[name] = text;
  }
  return environment;
}

controller::RunWish wishOf(const Call& call) {
  const std::string line = base::jsonString(call.body, "command");
  controller::RunWish wish{.command = controller::shellCommand(call.parts.control, call.app(), line),
                           .environment = environmentIn(call),
                           .user = call.caller.user,
                           .shown = line};
  const Poco::Dynamic::Var seconds = call.body->get("time_to_live");
  if (seconds.isEmpty()) return wish;
  wish.timeout = std::chrono::seconds(seconds.convert<std::int64_t>());
  if (wish.timeout->count() <= 0) throw Error(Errc::invalidArgument, "time_to_live is in seconds, from 1 on");
  return wish;
}

/// It may have ended before anybody looked.
runner::ProcessStatus statusOf(const Call& call, const std::string& name, const controller::RunWish& wish) {
  for (auto& process : controller::processesOf(call.parts.control, call.app()))
    if (process.name == name) return std::move(process);
  return {.name = name,
          .type = "run",
          .release = call.store().currentHead(call.app().id).release.version,
          .state = runner::ProcessState::down,
          .since = call.parts.control.clock.now(),
          .command = wish.shown,
          .lastExit = "",
          .address = ""};
}

/// The client's terminal, as it tells it: what is left of the environment is the process's.
std::optional<base::TerminalSize> takeTerminal(const Call& call, store::ConfigVars& environment) {
  constexpr std::uint64_t kMaxSide = 10'000;
  const bool refused = call.body->optValue("force_no_tty", false);
  std::uint64_t columns = 0, rows = 0;
  const bool known = base::parseNumber(environment["COLUMNS"], columns) &&
                     base::parseNumber(environment["LINES"], rows) && columns > 0 && rows > 0;
  for (const char* name : {"COLUMNS", "LINES", "TERM"})
    environment.erase(name);
  if (refused || !known) return std::nullopt;
  return base::TerminalSize{static_cast<unsigned>(std::min(columns, kMaxSide)),
                            static_cast<unsigned>(std::min(rows, kMaxSide))};
}

/// One that begins when its client comes to the rendezvous, under the name that the answer says.
Reply runAttached(const Call& call, controller::RunWish wish) {
  const controller::CommandParts& control = call.parts.control;
  if (control.rendezvous == nullptr)
    throw Error(Errc::invalidArgument,
                "a process cannot be attached to over this API, since this server has no rendezvous_listen: "
                "use fairlead run, ssh -t git@HOST run, or heroku run:detached");
  constexpr int kFirst = 1000, kNumbers = 9000;
  wish.number = kFirst + static_cast<int>(std::stoul(base::randomHex(3), nullptr, 16) % kNumbers);
  const std::string type = base::printable(wish.environment["TERM"], 64);
  const auto terminal = takeTerminal(call, wish.environment);
  controller::requireDeployed(control, call.app());
  const std::string secret = control.rendezvous->invite(
      {.terminal = terminal,
       .terminalType = terminal ? type : "",
       .session = [&control, app = call.app().id, wish](base::Interaction& client,
                                                        const std::stop_token& stop) {
         controller::runAttached(control, control.store.getApp(app), wish, client, stop);
       }});
  runner::ProcessStatus status = statusOf(call, "run." + std::to_string(wish.number), wish);
  status.state = runner::ProcessState::starting;
  auto json = controller::renderProcess(call.app(), status);
  json->set("attach_url", control.urls.rendezvous(secret));
  return reply(json, 201);
}

Reply run(const Call& call) {
  controller::requireSize(base::jsonString(call.body, "size"));
  if (const std::string type = base::jsonString(call.body, "type"); !type.empty() && type != "run")
    throw Error(Errc::invalidArgument, "one-off processes are of the type run: leave type out");
  const controller::RunWish wish = wishOf(call);
  if (const auto attach = call.body->get("attach"); !attach.isEmpty() && attach.convert<bool>())
    return runAttached(call, wish);
  const std::string name = controller::runDetached(call.parts.control, call.app(), wish);
  return reply(controller::renderProcess(call.app(), statusOf(call, name, wish)), 201);
}

Reply accepted() {
  return reply(base::makeJsonObject(), 202);
}

Reply restartAll(const Call& call) {
  controller::requireLaunched(controller::restartProcesses(call.parts.control, call.app(), ""));
  return accepted();
}

/// A one-off process has no other to take its place.
Reply restartOne(const Call& call) {
  const runner::ProcessStatus process = dynoNamed(call);
  const auto lasting = call.parts.control.engine.processes(call.app().name);
  if (std::none_of(lasting.begin(), lasting.end(),
                   [&](const auto& each) { return each.name == process.name; }))
    controller::stopProcesses(call.parts.control, call.app(), process.name, call.caller.user);
  else
    controller::requireLaunched(controller::restartProcesses(call.parts.control, call.app(), process.name));
  return accepted();
}

Reply stop(const Call& call, const std::string& processOrType) {
  controller::stopProcesses(call.parts.control, call.app(), processOrType, call.caller.user);
  return accepted();
}

Reply stopOne(const Call& call) {
  return stop(call, dynoNamed(call).name);
}

Reply stopType(const Call& call) {
  return stop(call, call.word("type"));
}

Shape oneOff() {
  return object({required("command", text()),
                 {"attach", orNull(flag())},
                 {"env", orNull(mapOf(anything()))},
                 {"force_no_tty", orNull(flag())},
                 {"size", orNull(text())},
                 {"type", orNull(text())},
                 {"time_to_live", orNull(whole())}});
}

}  // namespace

std::vector<Route> dynoRoutes() {
  return {
      {"GET", "/apps/{app}/dynos", "The app's processes", listOf(dynoShape()), listDynos, Action::viewApp},
      {"POST", "/apps/{app}/dynos",
       "Run a command once, its output in the log, or for a client that attaches", dynoShape(), run,
       Action::operateApp, oneOff(), 201},
      {"DELETE", "/apps/{app}/dynos", "Replace all processes by new ones", object({}), restartAll,
       Action::operateApp, std::nullopt, 202},
      {"GET", "/apps/{app}/dynos/{dyno}", "One process", dynoShape(), showDyno, Action::viewApp},
      {"DELETE", "/apps/{app}/dynos/{dyno}", "Replace one process by a new one; a one-off one ends",
       object({}), restartOne, Action::operateApp, std::nullopt, 202},
      {"POST", "/apps/{app}/dynos/{dyno}/actions/stop",
       "End one process until the next release, scaling or restart", object({}), stopOne, Action::operateApp,
       std::nullopt, 202},
      {"POST", "/apps/{app}/formations/{type}/actions/stop",
       "End those of a type until the next release, scaling or restart", object({}), stopType,
       Action::operateApp, std::nullopt, 202},
  };
}

}  // namespace api
