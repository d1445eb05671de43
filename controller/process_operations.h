// Scaling and restarting: what commands and the API both do.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {

/// Process type and count: "2", or "+1" and "-1" from what there is.
using ScaleWish = std::vector<std::pair<std::string, std::string>>;

struct Scaled {
  runner::LaunchResult result;
  store::Formation formation;  ///< as it was asked for
};

/// All of the wish or nothing. Throws conflict before the first deploy, notFound for a type that the slug
/// does not have, invalidArgument for a count that is none.
Scaled scaleApp(const CommandParts& parts, const store::App& app, const ScaleWish& wish,
                const std::string& user);
/// The app's settings change with its processes, as in a deploy: when those do not come up, the settings are
/// as before. Before the first deploy there are none. The caller holds the app's lease.
runner::LaunchResult changeWithProcesses(const CommandParts& parts, const store::App& app,
                                         const SettingChanges& changes);

/// A process type and its size as people write it: "512M,0.5cpu", "default".
using SizeWish = std::vector<std::pair<std::string, std::string>>;
/// All of the wish or nothing: processes of these types are replaced as in a deploy, and the sizes are as
/// before when they do not come up. Throws as scaleApp(), and invalidArgument for a size that is none or is
/// more than the server allows.
runner::LaunchResult resizeApp(const CommandParts& parts, const store::App& app, const SizeWish& wish,
                               const std::string& user);
/// Throws conflict before the first deploy, notFound for a type that the current slug does not have.
void requireProcessType(const CommandParts& parts, const store::App& app, const std::string& type);

/// All processes, those of a type, or one by its name; throws notFound.
runner::LaunchResult restartProcesses(const CommandParts& parts, const store::App& app,
                                      const std::string& processOrType);
/// The types of the current slug with their counts, by name; none before the first deploy.
std::vector<FormationEntry> formationOf(const CommandParts& parts, const store::App& app);

/// Throws invalidArgument for a size that is neither empty nor the one there is.
void requireSize(const std::string& size);

}  // namespace controller
