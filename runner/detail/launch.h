// One change of what an app runs: all of it happens, or none.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "runner/detail/engine_parts.h"
#include "runner/detail/launch_plan.h"

namespace runner::detail {

using Progress = std::function<void(std::string_view)>;

/// Starts what the plan names, waits for its check, changes the routes, hands the old processes to the
/// supervisor. Returns once the routes have changed. When a check fails, or anything throws, the new
/// processes are stopped and the old ones serve on. The caller holds the app's change lock.
LaunchResult launch(EngineParts& parts, const Deployment& deployment, const LaunchPlan& plan,
                    const Progress& progress, const std::stop_token& stop);

}  // namespace runner::detail
