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

/// All of them; off unless somebody switches them on.
inline constexpr std::array kAppFeatures{
    AppFeature{kRefuseNonFastForward, "a push must descend from what is deployed, even with --force"},
};

}  // namespace controller
