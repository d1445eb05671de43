// One-off processes in containers on this machine.
#pragma once

#include <memory>

#include "runner/local_engine.h"
#include "runner/one_off.h"
#include "runner/output_budget.h"

namespace runner {

struct OneOffConfig {
  std::size_t maxSessions = 20;  ///< setting run_max_sessions
  std::filesystem::path folder;  ///< for the input of attached ones
  OutputBudget::Limits logRate =
      {};  ///< settings app_log_rate_bytes and app_log_burst_bytes: of detached ones
};

/// Removes at once what those of a killed daemon left. `engine` tells what a process gets.
std::unique_ptr<OneOffRunner> makeLocalOneOffs(OneOffConfig config, LocalEngineConfig engine,
                                               sandbox::ContainerRuntime& runtime, AppLog& log,
                                               LayerFolder layerFolder, const base::Clock& clock);

}  // namespace runner
