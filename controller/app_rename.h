// Another name for an app: its row, repository, images, logs, cache, processes and route.
#pragma once

#include <string>

#include "controller/command_set.h"

namespace controller {

/// New processes come up under the new name; then one transaction changes the rows; then the folders move and
/// the old processes go. A kill before the transaction leaves the old name, one after it is made good by
/// finishRenames(). Who pushes meanwhile is told to push again. Returns the app as it is then. Throws
/// invalidArgument for a name that none may have, alreadyExists for one that is taken, conflict while a build
/// or a one-off process is under way, or when the processes do not come up.
store::App renameApp(const CommandParts& parts, const std::string& user, const store::App& app,
                     const std::string& newName);

/// Before anything looks at folders by their names: moves what a kill left under an old name.
void finishRenames(const DataFolder& folder, store::ReleaseStore& store, runner::AppLog& log,
                   sandbox::ForeignTrees& trees);

}  // namespace controller
