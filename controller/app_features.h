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

/// All of them; off unless somebody switches them on.
inline constexpr std::array kAppFeatures{
    AppFeature{kRefuseNonFastForward, "a push must descend from what is deployed, even with --force"},
    AppFeature{kCancelWhenLost, "a build ends when its pusher's network is lost, and not only at Ctrl-C"},
};

}  // namespace controller
