// A client's command inside a process that runs.
#pragma once

#include <filesystem>
#include <stop_token>

#include "base/interaction.h"
#include "runner/app_log.h"
#include "runner/one_off.h"
#include "sandbox/container.h"
#include "sandbox/foreign_trees.h"

namespace runner::detail {

struct ExecParts {
  sandbox::ContainerRuntime& runtime;
  sandbox::ForeignTrees& trees;
  AppLog& log;
  std::filesystem::path folder;  ///< for its input; exists
};

/// See OneOffRunner::exec(). `stop` is the client's; `ended` is asked to stop when the client has gone, too.
OneOffEnd execInProcess(const ExecParts& parts, const Exec& wanted, base::Interaction& client,
                        std::stop_token stop, std::stop_source ended);

}  // namespace runner::detail
