// cron, cron:history, cron:run, cron:suspend, cron:resume
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/cron_scheduler.h"
#include "controller/render.h"

namespace controller {
namespace {

constexpr std::size_t kDefaultRuns = 20;

CronScheduler& cronOf(const Invocation& call) {
  CHECK(call.parts.cron != nullptr);
  return *call.parts.cron;
}

Poco::Dynamic::Var timeOrNull(const std::optional<base::Time>& time) {
  return time ? Poco::Dynamic::Var(base::toRfc3339(*time)) : Poco::Dynamic::Var();
}

base::JsonObject::Ptr renderRun(const store::CronRun& run) {
  auto json = base::makeJsonObject();
  json->set("number", run.number);
  json->set("process", run.process());
  json->set("schedule", run.schedule);
  json->set("command", run.command);
  json->set("state", std::string(name(run.state)));
  json->set("due_at", base::toRfc3339(run.due));
  json->set("started_at", timeOrNull(run.started));
  json->set("ended_at", timeOrNull(run.ended));
  json->set("exit_code", run.exitCode ? Poco::Dynamic::Var(*run.exitCode) : Poco::Dynamic::Var());
  json->set("user", run.user.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(run.user));
  json->set("note", run.note);
  return json;
}

/// Minutes are enough: that is how schedules are written.
std::string minuteOf(base::Time time) {
  std::string text = base::toRfc3339(time).substr(0, 16) + "Z";
  text[10] = ' ';
  return text;
}

std::string lastOf(const Invocation& call, const std::optional<store::CronRun>& run) {
  if (!run) return "never ran";
  return std::string(name(run->state)) + " " +
         base::toAge(run->ended.value_or(run->due), call.parts.clock.now());
}

std::string noneOf(const store::App& app) {
  return app.name.str() +
         " has no cron: say in app.json what shall run when (in UTC), and push, like\n"
         "{\"cron\": [{\"schedule\": \"0 3 * * *\", \"command\": \"bin/clean\"}]}\n";
}

int list(const Invocation& call) {
  const store::App app = call.app();
  const bool suspended = cronOf(call).isSuspended(app);
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const CronScheduler::Entry& each : cronOf(call).entries(app)) {
    const std::string number = std::to_string(rows.size() + 1);
    rows.push_back({number + ":", each.entry.schedule, base::printable(each.entry.command, 200),
                    each.next ? "next " + minuteOf(*each.next) : "suspended", lastOf(call, each.last)});
    auto object = base::makeJsonObject();
    object->set("number", static_cast<std::uint64_t>(rows.size()));
    object->set("schedule", each.entry.schedule);
    object->set("command", each.entry.command);
    object->set("overlap", each.entry.overlap);
    object->set("timeout_s", each.entry.timeout.count() == 0
                                 ? Poco::Dynamic::Var()
                                 : Poco::Dynamic::Var(each.entry.timeout.count()));
    object->set("suspended", suspended);
    object->set("next_at", timeOrNull(each.next));
    object->set("last", each.last ? Poco::Dynamic::Var(renderRun(*each.last)) : Poco::Dynamic::Var());
    json->add(object);
  }
  call.print(json, rows.empty()
                       ? noneOf(app)
                       : table(rows) + (suspended ? "Suspended: fairlead cron:resume -a " + app.name.str() +
                                                        " has them run at their times again\n"
                                                  : ""));
  return 0;
}

/// "12 s", or why there is none.
std::string lengthOf(const store::CronRun& run) {
  if (!run.started || !run.ended) return "";
  return std::to_string(std::chrono::round<std::chrono::seconds>(*run.ended - *run.started).count()) + " s";
}

int history(const Invocation& call) {
  const store::App app = call.app();
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows;
  for (const store::CronRun& run : cronOf(call).history(app, call.number("num", kDefaultRuns))) {
    json->add(renderRun(run));
    rows.push_back({run.process(), minuteOf(run.due), std::string(name(run.state)), lengthOf(run),
                    base::printable(run.command, 200), run.note});
  }
  call.print(json, rows.empty()
                       ? "Nothing has run yet: fairlead cron -a " + app.name.str() + " shows what will\n"
                       : table(rows));
  return 0;
}

int runNow(const Invocation& call) {
  const store::App app = call.app();
  std::uint64_t number = 0;
  if (!base::parseNumber(call.args[0], number))
    throw base::Error(base::Errc::invalidArgument, "\"" + base::printable(call.args[0]) +
                                                       "\" is not the number of an entry: fairlead cron -a " +
                                                       app.name.str() + " lists them");
  const store::CronRun run = cronOf(call).runNow(app, static_cast<std::size_t>(number), call.caller.user);
  call.print(renderRun(run), "Running " + base::printable(run.command, 200) + " as " + run.process() +
                                 "; its output: fairlead logs --tail --ps " + run.process() + " -a " +
                                 app.name.str() + "\n");
  return 0;
}

base::JsonObject::Ptr stateJson(const Invocation& call, const store::App& app) {
  auto json = base::makeJsonObject();
  json->set("app", app.name.str());
  json->set("suspended", cronOf(call).isSuspended(app));
  return json;
}

int suspend(const Invocation& call) {
  const store::App app = call.app();
  cronOf(call).suspend(app, call.caller.user);
  call.print(stateJson(call, app), "Cron of " + app.name.str() +
                                       " is suspended: nothing begins until fairlead " + "cron:resume -a " +
                                       app.name.str() + "\n");
  return 0;
}

int resume(const Invocation& call) {
  const store::App app = call.app();
  cronOf(call).resume(app, call.caller.user);
  call.print(stateJson(call, app), "Cron of " + app.name.str() + " runs at its times\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> cronCommands() {
  return {
      {"cron", "-a APP", "list what app.json has run at its times", 0, 0, {}, list, Action::viewApp},
      {"cron:history",
       "[-n N] -a APP",
       "show what ran, was skipped or missed",
       0,
       0,
       {"num="},
       history,
       Action::viewApp},
      {"cron:run", "N -a APP", "run an entry of cron now", 1, 1, {}, runNow, Action::operateApp},
      {"cron:suspend", "-a APP", "have nothing begin at its times", 0, 0, {}, suspend, Action::operateApp},
      {"cron:resume",
       "-a APP",
       "have cron run again; what was due meanwhile is missed",
       0,
       0,
       {},
       resume,
       Action::operateApp},
  };
}

}  // namespace controller
