// How the router's process is started, and the folder that it and the daemon share.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/confine.h"
#include "runner/router.h"
#include "sandbox/host_programs.h"

namespace runner {

/// Its name in sandbox::HostPrograms.
inline constexpr const char* kRouterProgram = "router";

/// The words before a program's own that start it as that account: without rights, and with a umask that
/// leaves its group what it leaves itself (007).
using ConfinedBy = std::function<std::vector<std::string>(const base::Confinement&)>;

/// Of the configuration it needs the addresses (to listen below port 1024 is a right), folder, program and
/// user. Throws unavailable with what to install.
sandbox::HostProgram routerProgram(const CaddyConfig& config, const ConfinedBy& confinedBy);

/// Makes `folder` (the account's group reads it) and folder/caddy (the group writes there, too), both
/// `owner`'s, or makes them so, with what an earlier version has left in them: its folder was the account's
/// own. For root, or for an owner who is in that group and has them already. `user` empty: the owner's alone.
/// Throws unavailable for an account that is missing, io.
void prepareRouterFolder(const std::filesystem::path& folder, const std::string& user, uid_t owner);

}  // namespace runner
