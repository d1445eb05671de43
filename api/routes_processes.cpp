// /apps/A/formation.
#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/process_operations.h"
#include "controller/release_operations.h"
#include "controller/render.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

base::JsonObject::Ptr entryJson(const Call& call, const controller::FormationEntry& entry) {
  return controller::renderFormation(call.app(), entry);
}

std::vector<base::JsonObject::Ptr> formationJson(const Call& call) {
  std::vector<base::JsonObject::Ptr> all;
  for (const auto& entry : controller::formationOf(call.parts.control, call.app()))
    all.push_back(entryJson(call, entry));
  return all;
}

Reply listFormation(const Call& call) {
  return page(call, {.all = formationJson(call), .fields = {"type", "id"}});
}

Reply formationNamed(const Call& call, const std::string& typeOrId) {
  for (const auto& json : formationJson(call))
    if (base::jsonString(json, "type") == typeOrId || base::jsonString(json, "id") == typeOrId)
      return reply(json);
  throw Error(Errc::notFound,
              "there is no process type " + base::printable(typeOrId) + " of " + call.app().name.str());
}

Reply showFormation(const Call& call) {
  return formationNamed(call, call.word("type"));
}

/// A number, or "2", "+1", "-1".
std::string quantityOf(const base::JsonObject::Ptr& update) {
  const Poco::Dynamic::Var value = update->get("quantity");
  if (value.isString() || (value.isInteger() && !value.isBoolean())) return value.convert<std::string>();
  throw Error(Errc::invalidArgument, "quantity must be a whole number, or a string as \"+1\"");
}

void scale(const Call& call, const controller::ScaleWish& wish) {
  const auto scaled = controller::scaleApp(call.parts.control, call.app(), wish, call.caller.user);
  controller::requireLaunched(scaled.result);
}

Reply changeFormation(const Call& call) {
  controller::ScaleWish wish;
  const auto updates = call.body->getArray("updates");
  for (unsigned i = 0; i < updates->size(); ++i) {
    const auto update = updates->getObject(i);
    controller::requireSize(base::jsonString(update, "size"));
    if (update->has("quantity")) wish.emplace_back(base::jsonString(update, "type"), quantityOf(update));
  }
  if (!wish.empty()) scale(call, wish);
  auto list = base::makeJsonArray();
  for (const auto& json : formationJson(call))
    list->add(json);
  return reply(list);
}

Reply changeOneFormation(const Call& call) {
  controller::requireSize(base::jsonString(call.body, "size"));
  if (call.body->has("quantity")) scale(call, {{call.word("type"), quantityOf(call.body)}});
  return formationNamed(call, call.word("type"));
}

Reply restartType(const Call& call) {
  formationNamed(call, call.word("type"));
  controller::requireLaunched(
      controller::restartProcesses(call.parts.control, call.app(), call.word("type")));
  return reply(base::makeJsonObject(), 202);
}

Shape oneChange() {
  return object({{"quantity", anything()}, {"size", orNull(text())}});
}

Shape changes() {
  return object({required(
      "updates",
      listOf(object({required("type", text()), {"quantity", anything()}, {"size", orNull(text())}})))});
}

}  // namespace

std::vector<Route> processRoutes() {
  return {
      {"GET", "/apps/{app}/formation", "How many processes of each type are to run", listOf(formationShape()),
       listFormation, Action::viewApp},
      {"PATCH", "/apps/{app}/formation", "Scale several process types in one step", listOf(formationShape()),
       changeFormation, Action::operateApp, changes()},
      {"GET", "/apps/{app}/formation/{type}", "One process type", formationShape(), showFormation,
       Action::viewApp},
      {"PATCH", "/apps/{app}/formation/{type}", "Scale one process type", formationShape(),
       changeOneFormation, Action::operateApp, oneChange()},
      {"DELETE", "/apps/{app}/formations/{type}", "Replace all processes of a type by new ones", object({}),
       restartType, Action::operateApp, std::nullopt, 202},
  };
}

}  // namespace api
