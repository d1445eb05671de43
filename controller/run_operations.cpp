#include "controller/run_operations.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

std::chrono::seconds timeoutOf(const CommandParts& parts, const RunWish& wish) {
  const std::chrono::seconds most(parts.serviceLimits.runTimeoutS);
  return std::min(wish.timeout.value_or(most), most);
}

runner::OneOff oneOffOf(const CommandParts& parts, const store::App& app, const RunWish& wish) {
  auto deployment = parts.releases.deployment(app, parts.store.currentRelease(app.id));
  if (!deployment)
    throw base::Error(base::Errc::conflict, "nothing is deployed yet: push first, then run what is in it");
  return {.deployment = *std::move(deployment),
          .command = wish.command,
          .environment = wish.environment,
          .timeout = timeoutOf(parts, wish),
          .user = wish.user,
          .number = wish.number,
          .shown = wish.shown,
          .memoryBytes = wish.memoryBytes,
          .cpus = wish.cpus};
}

runner::OneOffRunner& runnerOf(const CommandParts& parts) {
  CHECK(parts.oneOffs != nullptr);
  return *parts.oneOffs;
}

}  // namespace

void requireDeployed(const CommandParts& parts, const store::App& app) {
  if (!parts.store.currentHead(app.id).release.slug)
    throw base::Error(base::Errc::conflict, "nothing is deployed yet: push first, then run what is in it");
}

runner::OneOffEnd runAttached(const CommandParts& parts, const store::App& app, const RunWish& wish,
                              base::Interaction& client, std::stop_token stop) {
  return runnerOf(parts).run(oneOffOf(parts, app, wish), client, std::move(stop));
}

runner::OneOffEnd execAttached(const CommandParts& parts, const store::App& app, const std::string& process,
                               const RunWish& wish, base::Interaction& client, std::stop_token stop) {
  const auto all = processesOf(parts, app);
  const auto found = std::find_if(all.begin(), all.end(), [&](const runner::ProcessStatus& each) {
    return each.name == process && each.state != runner::ProcessState::stopping;
  });
  if (found == all.end())
    throw base::Error(base::Errc::notFound,
                      "no process \"" + base::printable(process) + "\" is running: fairlead ps lists them");
  if (found->container.empty())
    throw base::Error(base::Errc::conflict, process + " does not run at the moment (" +
                                                std::string(runner::name(found->state)) +
                                                "): fairlead logs --ps " + process + " tells why");
  return runnerOf(parts).exec({.app = app.name,
                               .process = process,
                               .container = found->container,
                               .command = wish.command,
                               .timeout = timeoutOf(parts, wish),
                               .user = wish.user},
                              client, std::move(stop));
}

std::string runDetached(const CommandParts& parts, const store::App& app, const RunWish& wish) {
  return runnerOf(parts).runDetached(oneOffOf(parts, app, wish));
}

std::vector<std::string> shellCommand(const CommandParts& parts, const store::App& app,
                                      const std::string& line) {
  const store::ReleaseHead current = parts.store.currentHead(app.id);
  return shellCommand(
      current.release.slug ? parts.store.getSlug(*current.release.slug).processTypes : store::ProcessTypes(),
      line);
}

std::vector<std::string> shellCommand(const store::ProcessTypes& types, const std::string& line) {
  const std::string_view text = base::trim(line);
  if (text.empty() || text.find('\0') != std::string_view::npos)
    throw base::Error(base::Errc::invalidArgument, "what shall run? Give a command");
  const std::string first(text.substr(0, text.find_first_of(" \t\n;|&")));
  return {"/bin/bash", "-c", (types.contains(first) ? "/fairlead/start " : "") + std::string(text)};
}

void stopProcesses(const CommandParts& parts, const store::App& app, const std::string& processOrType,
                   const std::string& user) {
  const auto named = [&](const std::vector<runner::ProcessStatus>& all) {
    return std::any_of(all.begin(), all.end(), [&](const runner::ProcessStatus& each) {
      return each.name == processOrType || each.type == processOrType;
    });
  };
  const bool isOneOff = parts.oneOffs != nullptr && named(parts.oneOffs->processes(app.name));
  if (isOneOff && !named(parts.engine.processes(app.name))) {
    for (const auto& each : parts.oneOffs->processes(app.name))
      if (each.name == processOrType || each.type == processOrType) parts.oneOffs->stop(app.name, each.name);
  } else {
    const auto lease = parts.locks.lock(app.id);
    parts.engine.stop(app.name, processOrType);
  }
  parts.appLog.append(app.name, "api", processOrType + " stopped by " + user);
}

std::vector<runner::ProcessStatus> processesOf(const CommandParts& parts, const store::App& app) {
  auto all = parts.engine.processes(app.name);
  if (parts.oneOffs == nullptr) return all;
  const auto more = parts.oneOffs->processes(app.name);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace controller
