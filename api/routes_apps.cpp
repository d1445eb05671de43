// /apps: making, showing and removing them.
#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_operations.h"
#include "controller/app_rename.h"
#include "controller/domain_operations.h"
#include "controller/render.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;
using Maintenance = store::DomainStore::Maintenance;

Reply listApps(const Call& call) {
  Listing listing{.fields = {"name", "id", "updated_at"}};
  for (const store::App& app : call.parts.control.access.apps(call.caller))
    listing.all.push_back(controller::appJson(call.parts.control, app));
  return page(call, std::move(listing));
}

Reply showApp(const Call& call) {
  return reply(controller::appJson(call.parts.control, call.app()));
}

std::optional<std::string> optionalText(const Call& call, const std::string& name) {
  const std::string value = base::jsonString(call.body, name);
  return value.empty() ? std::nullopt : std::optional(value);
}

Reply createApp(const Call& call) {
  const auto region = optionalText(call, "region");
  if (region && *region != base::jsonString(controller::renderRegion(), "name"))
    throw Error(Errc::invalidArgument,
                "there is no region " + base::printable(*region) + ": leave it out, or take us");
  const store::App app =
      controller::createApp(call.parts.control, call.caller.user,
                            {.name = optionalText(call, "name"), .stack = optionalText(call, "stack")});
  return reply(controller::appJson(call.parts.control, app), 201);
}

Reply destroyApp(const Call& call) {
  const auto json = controller::appJson(call.parts.control, call.app());
  controller::destroyApp(call.parts.control, call.caller.user, call.app());
  return reply(json);
}

Reply changeApp(const Call& call) {
  store::App app = call.app();
  const std::string name = base::jsonString(call.body, "name");
  if (!name.empty()) call.parts.control.access.require(call.caller, Action::manageApp, app);
  const std::string stack = base::jsonString(call.body, "build_stack");
  if (!stack.empty()) controller::setStack(call.parts.control, app, stack);
  if (call.body->has("maintenance"))
    controller::setMaintenance(call.parts.control, app,
                               call.body->getValue<bool>("maintenance") ? Maintenance::on : Maintenance::off);
  if (!name.empty()) app = controller::renameApp(call.parts.control, call.caller.user, app, name);
  return reply(controller::appJson(call.parts.control, call.store().getApp(app.id)));
}

/// 404 is what the app of no pipeline answers.
Reply showPipeline(const Call& call) {
  throw Error(Errc::notFound, call.app().name.str() + " is in no pipeline: there are none here");
}

Shape newApp() {
  return object({{"name", orNull(text())}, {"stack", orNull(text())}, {"region", orNull(text())}});
}

}  // namespace

std::vector<Route> appRoutes() {
  return {
      {"GET", "/apps", "All apps", listOf(appShape()), listApps, Action::identify},
      {"GET", "/users/~/apps", "All apps", listOf(appShape()), listApps, Action::identify},
      {"POST", "/apps", "Make an app", appShape(), createApp, Action::createApp, newApp(), 201},
      {"GET", "/apps/{app}", "One app, by name or id", appShape(), showApp, Action::viewApp},
      {"PATCH", "/apps/{app}",
       "Another name (for who may manage it), another stack for the builds to come, maintenance", appShape(),
       changeApp, Action::operateApp,
       object({{"name", text()}, {"build_stack", text()}, {"maintenance", flag()}})},
      {"DELETE", "/apps/{app}", "Remove an app and all that is its", appShape(), destroyApp,
       Action::manageApp},
      {"GET", "/apps/{app}/pipeline-couplings", "The app's pipeline: 404, there are none", anything(),
       showPipeline, Action::viewApp},
  };
}

}  // namespace api
