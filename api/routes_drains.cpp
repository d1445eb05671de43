// /apps/A/log-drains.
#include "api/route.h"
#include "api/shapes.h"
#include "controller/drain_operations.h"

namespace api {
namespace {

using controller::Action;

base::JsonObject::Ptr json(const Call& call, const store::Drain& drain) {
  return controller::renderDrain(call.parts.control, drain);
}

Reply listDrains(const Call& call) {
  Listing listing{.fields = {"created_at", "id"}};
  for (const store::Drain& drain : store::DrainStore(call.store()).ofApp(call.app().id))
    listing.all.push_back(json(call, drain));
  return page(call, std::move(listing));
}

Reply addDrain(const Call& call) {
  const std::string url = base::jsonString(call.body, "url");
  return reply(json(call, controller::addDrain(call.parts.control, call.app(), url)), 201);
}

Reply showDrain(const Call& call) {
  return reply(json(call, store::DrainStore(call.store()).get(call.app().id, call.word("drain"))));
}

Reply removeDrain(const Call& call) {
  return reply(json(call, controller::removeDrain(call.parts.control, call.app(), call.word("drain"))));
}

}  // namespace

std::vector<Route> drainRoutes() {
  return {
      {"GET", "/apps/{app}/log-drains", "Where the app's log goes", listOf(drainShape()), listDrains,
       Action::operateApp},
      {"POST", "/apps/{app}/log-drains", "Send it to one more receiver", drainShape(), addDrain,
       Action::operateApp, object({required("url", text())}), 201},
      {"GET", "/apps/{app}/log-drains/{drain}", "One of them, by id, token or URL", drainShape(), showDrain,
       Action::operateApp},
      {"DELETE", "/apps/{app}/log-drains/{drain}", "Send it there no more", drainShape(), removeDrain,
       Action::operateApp},
  };
}

}  // namespace api
