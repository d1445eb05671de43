// Folders of an app's processes that outlive them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/command_set.h"

namespace controller {

struct Volume {
  std::string name;    ///< [a-z0-9][a-z0-9-]{0,29}, of the app
  std::string target;  ///< where the app's processes find it
  bool readOnly = false;
  std::optional<std::filesystem::path> source;  ///< an operator's folder; none: one of the server's own
  auto operator<=>(const Volume&) const = default;
};

/// Most that an app has.
inline constexpr std::size_t kMaxVolumes = 20;

/// By name. Throws corrupt for a setting that is none.
std::vector<Volume> volumesOf(const std::map<std::string, std::string>& settings);
/// What the engine mounts; `folder` is the app's own (DataFolder::volumes). Those whose folders are not there
/// are left to the engine, which then says so.
std::vector<runner::VolumeMount> volumeMounts(const std::vector<Volume>& volumes,
                                              const std::filesystem::path& folder);
/// Throws invalidArgument for a name or a target that cannot be: one that hides what the system or the app
/// needs, or lies in another of `others`.
void checkVolume(const Volume& volume, const std::vector<Volume>& others);

/// The app's processes are replaced by such that have it, as in a deploy; with a failure nothing has changed.
/// The server's own folder is the app's user's; one with that name that is there already is used as it is.
/// Throws also alreadyExists, overloaded, notFound for an operator's folder that is not there, and
/// permissionDenied for one outside of volume_folders.
runner::LaunchResult addVolume(const CommandParts& parts, const store::App& app, const Volume& wanted,
                               const std::string& user);
/// The same without it; then what the server's own folder held is gone. Throws notFound.
runner::LaunchResult removeVolume(const CommandParts& parts, const store::App& app, const std::string& name,
                                  const std::string& user);

}  // namespace controller
