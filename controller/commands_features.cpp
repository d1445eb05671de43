// features, features:enable, features:disable
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "controller/app_features.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

const AppFeature& featureNamed(const std::string& name) {
  const auto found = std::find_if(kAppFeatures.begin(), kAppFeatures.end(),
                                  [&](const AppFeature& each) { return each.name == name; });
  if (found == kAppFeatures.end())
    throw base::Error(base::Errc::notFound,
                      "there is no feature \"" + base::printable(name) + "\": see fairlead features");
  return *found;
}

int listFeatures(const Invocation& call) {
  const store::App app = call.app();
  const std::set<std::string> enabled = call.parts.store.features(app.id);
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Features"}};
  for (const AppFeature& feature : kAppFeatures) {
    const std::string name(feature.name);
    const bool on = enabled.contains(name);
    json->add(renderFeature(feature, on ? FeatureState::enabled : FeatureState::disabled));
    rows.push_back({on ? "[+]" : "[ ]", name, std::string(feature.description)});
  }
  call.print(json, table(rows));
  return 0;
}

int enableFeature(const Invocation& call) {
  const store::App app = call.app();
  const AppFeature& feature = featureNamed(call.args[0]);
  call.parts.store.enableFeature(app.id, std::string(feature.name));
  call.print(renderFeature(feature, FeatureState::enabled),
             "Enabled " + call.args[0] + " for " + app.name.str() + "\n");
  return 0;
}

int disableFeature(const Invocation& call) {
  const store::App app = call.app();
  const AppFeature& feature = featureNamed(call.args[0]);
  call.parts.store.disableFeature(app.id, std::string(feature.name));
  call.print(renderFeature(feature, FeatureState::disabled),
             "Disabled " + call.args[0] + " for " + app.name.str() + "\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> featureCommands() {
  return {
      {"features", "-a APP", "list an app's switches", 0, 0, {}, listFeatures, Action::viewApp},
      {"features:enable", "NAME -a APP", "switch one on", 1, 1, {}, enableFeature, Action::operateApp},
      {"features:disable", "NAME -a APP", "switch one off", 1, 1, {}, disableFeature, Action::operateApp},
  };
}

}  // namespace controller
