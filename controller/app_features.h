// The switches that an app has.
#pragma once

#include <array>
#include <string_view>

namespace controller {

struct AppFeature {
  std::string_view name;
  std::string_view description;
};

inline constexpr std::string_view kRefuseNonFastForward = "refuse-non-fast-forward";
inline constexpr std::string_view kCancelWhenLost = "cancel-when-lost";
inline constexpr std::string_view kCancelRunning = "cancel-running";
inline constexpr std::string_view kBuildInAppDir = "build-in-app-dir";
inline constexpr std::string_view kDynoMetadata = "runtime-dyno-metadata";

/// All of them; off unless somebody switches them on.
inline constexpr std::array kAppFeatures{
    AppFeature{kRefuseNonFastForward, "a push must descend from what is deployed, even with --force"},
    AppFeature{kCancelWhenLost, "a build ends when its pusher's network is lost, and not only at Ctrl-C"},
    AppFeature{kCancelRunning, "a newer push ends the build that runs, as with -o cancel-running"},
    AppFeature{kBuildInAppDir, "builds happen in /app itself, with HOME elsewhere"},
    AppFeature{kDynoMetadata, "processes get HEROKU_APP_NAME, HEROKU_RELEASE_VERSION and the like"},
};

}  // namespace controller
