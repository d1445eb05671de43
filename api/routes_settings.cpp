// /apps/A/buildpack-installations and /apps/A/features.
#include <algorithm>

#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_features.h"
#include "controller/buildpack_list.h"
#include "controller/render.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

Reply listBuildpacks(const Call& call) {
  return reply(controller::renderBuildpacks(call.store().buildpacks(call.app().id)));
}

Reply setBuildpacks(const Call& call) {
  std::vector<std::string> sources;
  const auto updates = call.body->getArray("updates");
  for (unsigned i = 0; i < updates->size(); ++i)
    sources.push_back(base::jsonString(updates->getObject(i), "buildpack"));
  controller::setBuildpacks(call.store(), call.app(), sources);
  return reply(controller::renderBuildpacks(sources));
}

controller::FeatureState stateOf(const Call& call, const controller::AppFeature& feature) {
  return call.store().features(call.app().id).contains(std::string(feature.name))
             ? controller::FeatureState::enabled
             : controller::FeatureState::disabled;
}

const controller::AppFeature& featureNamed(const Call& call) {
  for (const auto& feature : controller::kAppFeatures) {
    const auto json = controller::renderFeature(feature, controller::FeatureState::disabled);
    if (call.word("feature") == feature.name || call.word("feature") == base::jsonString(json, "id"))
      return feature;
  }
  throw Error(Errc::notFound, "there is no feature " + base::printable(call.word("feature")));
}

Reply listFeatures(const Call& call) {
  Listing listing{.fields = {"name", "id"}};
  for (const auto& feature : controller::kAppFeatures)
    listing.all.push_back(controller::renderFeature(feature, stateOf(call, feature)));
  return page(call, std::move(listing));
}

Reply showFeature(const Call& call) {
  const auto& feature = featureNamed(call);
  return reply(controller::renderFeature(feature, stateOf(call, feature)));
}

Reply changeFeature(const Call& call) {
  const auto& feature = featureNamed(call);
  const std::string name(feature.name);
  if (call.body->getValue<bool>("enabled"))
    call.store().enableFeature(call.app().id, name);
  else
    call.store().disableFeature(call.app().id, name);
  return showFeature(call);
}

}  // namespace

std::vector<Route> settingRoutes() {
  return {
      {"GET", "/apps/{app}/buildpack-installations", "The buildpacks that were set",
       listOf(installationShape()), listBuildpacks, Action::viewApp},
      {"PUT", "/apps/{app}/buildpack-installations", "Set the list of buildpacks",
       listOf(installationShape()), setBuildpacks, Action::operateApp,
       object({required("updates", listOf(object({required("buildpack", text())})))})},
      {"GET", "/apps/{app}/features", "The app's switches", listOf(featureShape()), listFeatures,
       Action::viewApp},
      {"GET", "/apps/{app}/features/{feature}", "One switch", featureShape(), showFeature, Action::viewApp},
      {"PATCH", "/apps/{app}/features/{feature}", "Switch it on or off", featureShape(), changeFeature,
       Action::operateApp, object({required("enabled", flag())})},
  };
}

}  // namespace api
