// The daemon's supervisor: the process that makes containers.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/confine.h"
#include "controller/data_folder.h"
#include "sandbox/supervisor.h"
#include "server/config.h"

namespace server {

/// Starts it, for the daemon's data folder, which exists. When it ends by itself the process says so and
/// exits with 1 at once, as if it had been killed: nothing can be made without it, and the next start finds
/// everything as it has to be.
/// From then on this process is the account: whatever it has to open with root's rights is open by then.
std::unique_ptr<sandbox::SupervisedRuntime> startRuntime(const Config& config,
                                                         const controller::DataFolder& folder,
                                                         const base::Confinement& account);

/// This program by a name that says what it is, where that still leads to it.
std::string ownProgram();

/// volume_folders, without symlinks on the way.
std::vector<std::filesystem::path> volumeFolders(const Config& config);

/// `fairlead supervisor`: what startRuntime() starts. Returns the exit status.
int supervisor(const std::vector<std::string>& args);

/// `fairlead unpack-layer`: what a supervisor starts for each layer.
int unpackLayer(const std::vector<std::string>& args);

}  // namespace server
