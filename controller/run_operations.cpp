#include "controller/run_operations.h"

#include <algorithm>

#include "base/error.h"

namespace controller {
namespace {

runner::OneOff oneOffOf(const CommandParts& parts, const store::App& app, const RunWish& wish) {
  auto deployment = parts.releases.deployment(app, parts.store.currentRelease(app.id));
  if (!deployment)
    throw base::Error(base::Errc::conflict, "nothing is deployed yet: push first, then run what is in it");
  const std::chrono::seconds most(parts.serviceLimits.runTimeoutS);
  return {.deployment = *std::move(deployment),
          .command = wish.command,
          .environment = wish.environment,
          .timeout = std::min(wish.timeout.value_or(most), most),
          .user = wish.user};
}

runner::OneOffRunner& runnerOf(const CommandParts& parts) {
  CHECK(parts.oneOffs != nullptr);
  return *parts.oneOffs;
}

}  // namespace

runner::OneOffEnd runAttached(const CommandParts& parts, const store::App& app, const RunWish& wish,
                              base::Interaction& client, std::stop_token stop) {
  return runnerOf(parts).run(oneOffOf(parts, app, wish), client, std::move(stop));
}

std::string runDetached(const CommandParts& parts, const store::App& app, const RunWish& wish) {
  return runnerOf(parts).runDetached(oneOffOf(parts, app, wish));
}

std::vector<runner::ProcessStatus> processesOf(const CommandParts& parts, const store::App& app) {
  auto all = parts.engine.processes(app.name);
  if (parts.oneOffs == nullptr) return all;
  const auto more = parts.oneOffs->processes(app.name);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace controller
