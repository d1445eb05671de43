// One-off processes in containers on this machine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "runner/local_engine.h"
#include "runner/one_off.h"
#include "sandbox/foreign_trees.h"

namespace runner {

struct OneOffConfig {
  std::size_t maxSessions = 20;         ///< setting run_max_sessions
  std::filesystem::path folder;         ///< input of attached ones, and what is remembered of detached ones
  std::chrono::milliseconds poll{250};  ///< how often the watcher looks at detached ones
  /// Told of each detached one that has ended, on the watcher's thread; again after a kill in between.
  std::function<void(const store::AppName&, const OneOffEnd&)> ended = {};
};

/// Takes over the detached ones of an earlier daemon; removes at once what other ones of it left. One watcher
/// thread. `engine` tells what a process gets.
std::unique_ptr<OneOffRunner> makeLocalOneOffs(OneOffConfig config, LocalEngineConfig engine,
                                               sandbox::ContainerRuntime& runtime,
                                               sandbox::ForeignTrees& trees, AppLog& log,
                                               LayerFolder layerFolder, const base::Clock& clock);

}  // namespace runner
