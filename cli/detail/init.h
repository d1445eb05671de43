// `fairlead init`: an app for the folder that one is in.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/detail/surroundings.h"

namespace cli::detail {

/// A command of the server, with what it printed.
struct Told {
  int status = 0;
  std::string out;
  std::string err;
};
using AskServer = std::function<Told(const std::vector<std::string>& argv)>;

/// [NAME] [--json]: makes the app (or takes the one of that name, when the user may use it already) and adds
/// the remote fairlead to the git repository that the current folder is in. Without a name it takes the
/// repository's folder's, as far as an app may have it. Returns the exit status. Throws notFound where there
/// is no repository or no git, alreadyExists for a remote that is there.
int initApp(const Surroundings& surroundings, const std::vector<std::string>& words, const AskServer& ask);

/// What an app may be called, made of a folder's name; empty when nothing is left of it.
std::string appNameFrom(const std::string& folder);

}  // namespace cli::detail
