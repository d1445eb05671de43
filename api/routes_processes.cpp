// /apps/A/formation and /apps/A/dynos.
#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/process_operations.h"
#include "controller/run_operations.h"
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

void checkSize(const base::JsonObject::Ptr& update) {
  const std::string size = base::jsonString(update, "size");
  if (!size.empty() && size != controller::kProcessSize)
    throw Error(Errc::invalidArgument,
                "there is no size " + base::printable(size) + ": every process has the same here, " +
                    std::string(controller::kProcessSize) + ", whose limits are the server's settings");
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
    checkSize(update);
    if (update->has("quantity")) wish.emplace_back(base::jsonString(update, "type"), quantityOf(update));
  }
  if (!wish.empty()) scale(call, wish);
  auto list = base::makeJsonArray();
  for (const auto& json : formationJson(call))
    list->add(json);
  return reply(list);
}

Reply changeOneFormation(const Call& call) {
  checkSize(call.body);
  if (call.body->has("quantity")) scale(call, {{call.word("type"), quantityOf(call.body)}});
  return formationNamed(call, call.word("type"));
}

Reply listDynos(const Call& call) {
  Listing listing{.fields = {"name", "id"}};
  for (const auto& process : controller::processesOf(call.parts.control, call.app()))
    listing.all.push_back(controller::renderProcess(call.app(), process));
  return page(call, std::move(listing));
}

Reply showDyno(const Call& call) {
  for (const auto& process : controller::processesOf(call.parts.control, call.app())) {
    auto json = controller::renderProcess(call.app(), process);
    if (process.name == call.word("dyno") || base::jsonString(json, "id") == call.word("dyno"))
      return reply(json);
  }
  throw Error(Errc::notFound, "there is no process " + base::printable(call.word("dyno")) + " of " +
                                  call.app().name.str() + ": see fairlead ps");
}

Reply restart(const Call& call, const std::string& processOrType) {
  controller::requireLaunched(controller::restartProcesses(call.parts.control, call.app(), processOrType));
  return reply(base::makeJsonObject(), 202);
}

Reply restartAll(const Call& call) {
  return restart(call, "");
}

Reply restartOne(const Call& call) {
  return restart(call, base::jsonString(base::parseJsonObject(showDyno(call).json, "the process"), "name"));
}

Reply restartType(const Call& call) {
  formationNamed(call, call.word("type"));
  return restart(call, call.word("type"));
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
      {"GET", "/apps/{app}/dynos", "The app's processes", listOf(dynoShape()), listDynos, Action::viewApp},
      {"DELETE", "/apps/{app}/dynos", "Replace all processes by new ones", object({}), restartAll,
       Action::operateApp, std::nullopt, 202},
      {"GET", "/apps/{app}/dynos/{dyno}", "One process", dynoShape(), showDyno, Action::viewApp},
      {"DELETE", "/apps/{app}/dynos/{dyno}", "Replace one process by a new one", object({}), restartOne,
       Action::operateApp, std::nullopt, 202},
      {"DELETE", "/apps/{app}/formations/{type}", "Replace all processes of a type by new ones", object({}),
       restartType, Action::operateApp, std::nullopt, 202},
  };
}

}  // namespace api
