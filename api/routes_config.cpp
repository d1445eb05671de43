// /apps/A/config-vars.
#include "api/route.h"
#include "api/shapes.h"
#include "controller/config_operations.h"
#include "controller/release_operations.h"
#include "controller/render.h"

namespace api {
namespace {

using controller::Action;
Reply showConfig(const Call& call) {
  return reply(controller::renderConfig(call.store().currentRelease(call.app().id).config));
}

Reply changeConfig(const Call& call) {
  controller::ConfigPatch patch;
  for (const std::string& key : call.body->getNames()) {
    const Poco::Dynamic::Var value = call.body->get(key);
    patch[key] = value.isEmpty() ? std::nullopt : std::optional(value.extract<std::string>());
  }
  const controller::Released released = controller::changeConfig(
      call.parts.control, call.app(),
      {.patch = patch, .user = call.caller.user, .missing = controller::ConfigChange::Missing::fine});
  controller::requireLaunched(released);
  return reply(controller::renderConfig(released.release.config));
}

}  // namespace

std::vector<Route> configRoutes() {
  return {
      {"GET", "/apps/{app}/config-vars", "The app's config vars", configShape(), showConfig,
       Action::operateApp},
      {"PATCH", "/apps/{app}/config-vars", "Set config vars, remove those that are null: one release",
       configShape(), changeConfig, Action::operateApp, mapOf(orNull(text()))},
  };
}

}  // namespace api
