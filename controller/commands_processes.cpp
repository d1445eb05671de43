// ps, ps:scale, ps:restart, ps:stop, logs
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/process_operations.h"
#include "controller/render.h"
#include "controller/report.h"
#include "controller/run_operations.h"

namespace controller {
namespace {

base::JsonArray::Ptr processesJson(const Invocation& call, const store::App& app) {
  auto json = base::makeJsonArray();
  for (const runner::ProcessStatus& process : processesOf(call.parts, app))
    json->add(renderProcess(app, process));
  return json;
}

int showProcesses(const Invocation& call) {
  const store::App app = call.app();
  std::vector<std::vector<std::string>> rows;
  for (const runner::ProcessStatus& process : processesOf(call.parts, app)) {
    std::string note = process.restarts == 0 ? "" : std::to_string(process.restarts) + " restarts";
    if (!process.lastExit.empty()) note += (note.empty() ? "" : ", last ") + process.lastExit;
    rows.push_back(
        {process.name + ":",
         std::string(runner::name(process.state)) + " " + base::toAge(process.since, call.parts.clock.now()),
         process.release.str(), process.command, note});
  }
  call.print(processesJson(call, app),
             rows.empty() ? "No processes run: push an app, or scale it with fairlead ps:scale web=1 -a " +
                                app.name.str() + "\n"
                          : table(rows));
  return 0;
}

std::string describe(const store::Formation& formation) {
  std::string text;
  for (const auto& [type, count] : formation)
    text += (text.empty() ? "" : ", ") + type + " at " + std::to_string(count);
  return text;
}

int scale(const Invocation& call) {
  const store::App app = call.app();
  if (call.args.empty()) {
    call.print(processesJson(call, app), describe(call.parts.store.formation(app.id)) + "\n");
    return 0;
  }
  ScaleWish wish;
  for (const std::string& word : call.args) {
    const auto sign = word.find_last_of("=+-");  // a type may have a '-' in it
    if (sign == std::string::npos || sign == 0 || word.find_first_of("=+") < sign)
      throw base::Error(base::Errc::invalidArgument,
                        "\"" + base::printable(word) + "\" is not of the form TYPE=COUNT");
    wish.emplace_back(word.substr(0, sign), word.substr(word[sign] == '=' ? sign + 1 : sign));
  }
  const Scaled scaled = scaleApp(call.parts, app, wish, call.caller.user);
  return reportLaunch(call, app, scaled.result, processesJson(call, app),
                      "Scaled " + app.name.str() + ": " + describe(scaled.formation) + "\n");
}

int restart(const Invocation& call) {
  const store::App app = call.app();
  const runner::LaunchResult result =
      restartProcesses(call.parts, app, call.args.empty() ? "" : call.args[0]);
  return reportLaunch(call, app, result, processesJson(call, app),
                      "Restarted " + (call.args.empty() ? app.name.str() : call.args[0]) + "\n");
}

int stop(const Invocation& call) {
  const store::App app = call.app();
  stopProcesses(call.parts, app, call.args[0], call.caller.user);
  call.print(processesJson(call, app), "Stopping " + call.args[0] + "\n");
  return 0;
}

std::string logLineJson(const runner::LogLine& line) {
  auto json = base::makeJsonObject();
  json->set("time", line.time);
  json->set("source", line.source);
  json->set("process", line.process);
  json->set("text", line.text);
  return base::toJson(json) + "\n";
}

int showLogs(const Invocation& call) {
  const store::App app = call.app();
  const runner::LogQuery query{.lines = call.number("num", 100),
                               .process = call.option("ps").value_or(""),
                               .source = call.option("source").value_or("")};
  const auto show = [&](const runner::LogLine& line) {
    call.print(call.flag("json") ? logLineJson(line) : line.format() + "\n");
  };
  if (call.flag("tail")) {
    call.parts.appLog.follow(app.name, query, show, call.io.stop);
    return 0;
  }
  for (const runner::LogLine& line : call.parts.appLog.read(app.name, query))
    show(line);
  return 0;
}

}  // namespace

std::vector<CommandSpec> processCommands() {
  return {
      {"ps", "-a APP", "show the processes", 0, 0, {}, showProcesses, Action::viewApp},
      {"ps:scale",
       "[TYPE=COUNT|TYPE+COUNT|TYPE-COUNT...] -a APP",
       "show or set how many processes of a type run",
       0,
       50,
       {},
       scale,
       Action::operateApp},
      {"ps:restart", "[NAME] -a APP", "replace processes by new ones", 0, 1, {}, restart, Action::operateApp},
      {"ps:stop",
       "NAME|TYPE -a APP",
       "end processes until the next release, scaling or restart",
       1,
       1,
       {},
       stop,
       Action::operateApp},
      {"logs",
       "-a APP [-n N] [--tail] [--ps NAME]",
       "show what processes and platform said",
       0,
       0,
       {"num=", "tail", "ps=", "source="},
       showLogs,
       Action::viewApp},
  };
}

}  // namespace controller
