// ps, ps:scale, ps:type, ps:restart, ps:stop, logs
#include <cmath>

#include "base/error.h"
#include "base/size.h"
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

/// Of one processor.
std::string percent(double cpus) {
  constexpr double kHundred = 100;
  return std::to_string(std::lround(cpus * kHundred)) + "%";
}

std::string noteOf(const runner::ProcessStatus& process) {
  std::vector<std::string> notes;
  if (!process.notReady.empty()) notes.push_back("not ready: " + process.notReady);
  if (process.restarts > 0)
    notes.push_back(std::to_string(process.restarts) + (process.restarts == 1 ? " restart" : " restarts"));
  if (!process.lastExit.empty()) notes.push_back("last " + process.lastExit);
  return base::join(notes, ", ");
}

/// What a crashed process wrote at last.
std::string lastWords(const Invocation& call, const store::App& app, const runner::ProcessStatus& process) {
  constexpr std::size_t kLines = 5;
  const auto lines =
      call.parts.appLog.read(app.name, {.lines = kLines, .process = process.name, .source = "app"});
  if (lines.empty()) return "";
  std::string text = "\n" + process.name + " wrote at last:\n";
  for (const runner::LogLine& line : lines)
    text += "  " + line.format() + "\n";
  return text;
}

int showProcesses(const Invocation& call) {
  const store::App app = call.app();
  std::vector<std::vector<std::string>> rows;
  std::string crashes;
  for (const runner::ProcessStatus& process : processesOf(call.parts, app)) {
    const bool lives = process.state != runner::ProcessState::crashed;
    rows.push_back(
        {process.name + ":",
         std::string(runner::name(process.state)) + " " + base::toAge(process.since, call.parts.clock.now()),
         process.release.str(), process.node,
         lives ? base::formatBytes(process.memoryBytes) + "/" + base::exactSize(process.size.memoryBytes)
               : "",
         lives ? percent(process.cpus) + " cpu" : "", process.command, noteOf(process)});
    if (!lives) crashes += lastWords(call, app, process);
  }
  call.print(processesJson(call, app),
             rows.empty() ? "No processes run: push an app, or scale it with fairlead ps:scale web=1 -a " +
                                app.name.str() + "\n"
                          : table(rows) + crashes);
  return 0;
}

base::JsonArray::Ptr sizesJson(const std::map<std::string, runner::ProcessSize>& sizes) {
  auto json = base::makeJsonArray();
  for (const auto& [type, size] : sizes) {
    auto object = base::makeJsonObject();
    object->set("type", type);
    object->set("size", runner::describe(size));
    setSize(object, size);
    json->add(object);
  }
  return json;
}

int size(const Invocation& call) {
  const store::App app = call.app();
  SizeWish wish;
  for (const std::string& word : call.args) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw base::Error(
          base::Errc::invalidArgument,
          "\"" + base::printable(word) + "\" is not of the form TYPE=SIZE, like web=512M,0.5cpu");
    wish.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  const runner::LaunchResult result =
      wish.empty() ? runner::Launched{} : resizeApp(call.parts, app, wish, call.caller.user);
  std::map<std::string, runner::ProcessSize> sizes;
  std::vector<std::vector<std::string>> rows;
  const auto settings = call.parts.store.settings(app.id);
  for (const FormationEntry& entry : formationOf(call.parts, app)) {
    const runner::ProcessSize each = sizes[entry.type] = call.parts.limits.sizeOf(settings, entry.type);
    rows.push_back({entry.type + ":", runner::describe(each)});
  }
  return reportLaunch(call, app, result, sizesJson(sizes),
                      rows.empty() ? "Nothing is deployed yet: push first\n" : table(rows));
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
  json->set("number", line.number);
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
      {"ps:type",
       "[TYPE=SIZE...] -a APP",
       "show or set what a process of a type may take: web=512M,0.5cpu,256pids,1Gdisk",
       0,
       50,
       {},
       size,
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
       "-a APP [-n N] [--tail] [--ps NAME] [--source app|router|fairlead]",
       "show what processes and platform said",
       0,
       0,
       {"num=", "tail", "ps=", "source="},
       showLogs,
       Action::viewApp},
  };
}

}  // namespace controller
