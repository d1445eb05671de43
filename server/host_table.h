// What the daemon has started that takes more rights than its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controller/data_folder.h"
#include "runner/router.h"
#include "sandbox/host_programs.h"
#include "server/config.h"

namespace server {

/// The router as the settings have it. `httpAddress`: where the daemon answers HTTP, for TLS in front of it.
runner::CaddyConfig routerConfig(const Config& config, const controller::DataFolder& folder,
                                 const std::string& httpAddress);

/// Those that the settings decide: the router. (What makes stacks the supervisor knows by itself.)
std::vector<std::pair<std::string, sandbox::HostProgram>> hostPrograms(const Config& config,
                                                                       const controller::DataFolder& folder);

}  // namespace server
