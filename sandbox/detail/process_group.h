// A container's processes where it has no cgroups.
#pragma once

#include <sys/types.h>

#include <vector>

#include "sandbox/container.h"
#include "sandbox/detail/process_ref.h"

namespace sandbox {

/// Those in the pid namespace of a container's first process; empty when that has ended.
std::vector<pid_t> processesBeside(const ProcessRef& init);

/// What they take now, and the processor time of those that have ended, too: without page cache, and without
/// counting what was refused or killed.
ContainerUsage usageOf(const std::vector<pid_t>& processes);

}  // namespace sandbox
