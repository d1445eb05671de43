// `fairlead confined`: a program without the rights that this one has.
#pragma once

#include <string>
#include <vector>

#include "base/confine.h"

namespace server {

/// UID:GID[,low-ports] PROGRAM ARGUMENTS...: gives up rights (base::confine) and becomes the program, which
/// is looked up in PATH. What it makes is for its group, too, and for nobody else (umask 007). How the daemon
/// starts what strangers talk to. Returns only when it cannot.
int confined(const std::vector<std::string>& args);

/// The words before a program's own that start it so, with this very program.
std::vector<std::string> confinedBy(const base::Confinement& confinement);

}  // namespace server
