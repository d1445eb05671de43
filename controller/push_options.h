// What `git push -o` may say.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace controller {

/// The options of one push (docs: README). A value.
struct PushOptions {
  bool noCache = false;                 ///< "no-cache": the build starts with an empty cache folder
  bool detach = false;                  ///< "detach": return once the build is queued
  bool dryRun = false;                  ///< "dry-run": build, no release
  bool cancelRunning = false;           ///< "cancel-running": end the app's running build, do not wait for it
  std::vector<std::string> buildpacks;  ///< "buildpack=URL", in order: for this build only
  std::string message;                  ///< "message=TEXT": the release's description
};

/// Throws invalidArgument with the list of what is known, for an unknown option and for a bad value (a
/// message of over 200 bytes, an empty one).
PushOptions parsePushOptions(const std::vector<std::string>& options);

}  // namespace controller
