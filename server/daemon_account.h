// Who the daemon is once it has given up being root.
#pragma once

#include <string>

#include "base/confine.h"
#include "controller/data_folder.h"
#include "server/config.h"

namespace server {

/// The account of the setting daemon_user. Where the machine has no account of the default's name, a number
/// that nobody has: the one behind the containers'. Who is not root stays who it is, as does root where the
/// setting says so. In Caddy's group, so that each reads what the other writes for it. Throws invalidArgument
/// naming the setting.
base::Confinement daemonAccount(const Config& config);

/// Makes the data folder's parts the account's: those that are root's, as an earlier version or a restore has
/// left them; what belongs to containers' users stays theirs. The folder itself and run/ stay root's, sticky:
/// the account writes in them, and nothing in them that is the supervisor's can it move or replace. Looks at
/// all but the blobs at each start (about 2 us a file); interrupted anywhere, it goes on at the next. As
/// root.
void giveDataFolder(const Config& config, const controller::DataFolder& folder,
                    const base::Confinement& account);

/// As the account: throws permissionDenied, naming the folder on the way that keeps it out.
void requireReachable(const controller::DataFolder& folder, const std::string& accountName);

}  // namespace server
