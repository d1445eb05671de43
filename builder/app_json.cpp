#include "builder/app_json.h"

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "builder/detail/buildpack_release.h"
#include "builder/detail/procfile.h"
#include "builder/detail/tree_file.h"

namespace builder {
namespace {

using base::JsonArray;
using base::JsonObject;
using Poco::Dynamic::Var;

constexpr std::size_t kMaxMembers = 1000;
constexpr std::uint64_t kMaxQuantity = 1000;

[[noreturn]] void refuse(const std::string& what) {
  throw base::Error(base::Errc::invalidArgument, "app.json: " + what);
}

std::string quoted(const std::string& name) {
  return "\"" + base::printable(name) + "\"";
}

/// A member as an object; null when it is absent or null.
JsonObject::Ptr objectAt(const JsonObject::Ptr& parent, const std::string& key) {
  const Var value = parent->get(key);
  if (value.isEmpty()) return nullptr;
  if (value.type() != typeid(JsonObject::Ptr))
    refuse(quoted(key) + " is not an object: write it between { and }");
  auto object = value.extract<JsonObject::Ptr>();
  if (object->size() > kMaxMembers) refuse(quoted(key) + " has more than 1000 members");
  return object;
}

JsonArray::Ptr arrayAt(const JsonObject::Ptr& parent, const std::string& key) {
  const Var value = parent->get(key);
  if (value.isEmpty()) return nullptr;
  if (value.type() != typeid(JsonArray::Ptr))
    refuse(quoted(key) + " is not a list: write it between [ and ]");
  auto array = value.extract<JsonArray::Ptr>();
  if (array->size() > kMaxMembers) refuse(quoted(key) + " has more than 1000 members");
  return array;
}

/// A text, or a number or truth value as people write them without quotes.
std::string textOf(const Var& value, const std::string& what) {
  if (!value.isString() && !value.isNumeric() && !value.isBoolean()) refuse(what + " is not a text");
  std::string text = value.convert<std::string>();
  if (text.find('\0') != std::string::npos) refuse(what + " has a NUL byte");
  return text;
}

std::string textAt(const JsonObject::Ptr& object, const std::string& key, const std::string& what) {
  const Var value = object->get(key);
  return value.isEmpty() ? std::string() : textOf(value, what + "." + key);
}

AppJson::ConfigVar configVarOf(const Var& value, const std::string& what) {
  AppJson::ConfigVar found;
  if (value.type() != typeid(JsonObject::Ptr)) {
    found.value = textOf(value, what);
    return found;
  }
  const auto object = value.extract<JsonObject::Ptr>();
  if (object->has("value") && !object->get("value").isEmpty()) found.value = textAt(object, "value", what);
  found.description = textAt(object, "description", what);
  const std::string generator = textAt(object, "generator", what);
  if (!generator.empty() && generator != "secret")
    refuse(what + " has the generator " + quoted(generator) + "; there is only \"secret\"");
  found.generateSecret = generator == "secret";
  const Var required = object->get("required");
  if (!required.isEmpty() && !required.isBoolean()) refuse(what + ".required is neither true nor false");
  found.required = required.isEmpty() || required.convert<bool>();
  return found;
}

void readEnv(const JsonObject::Ptr& root, AppJson& result) {
  const auto env = objectAt(root, "env");
  if (!env) return;
  for (const auto& name : env->getNames()) {
    if (!detail::isConfigVarName(name)) refuse("\"env\" has the name " + quoted(name));
    if (env->get(name).isEmpty()) continue;
    result.env.emplace(name, configVarOf(env->get(name), "env." + name));
  }
}

void readFormation(const JsonObject::Ptr& root, AppJson& result) {
  const auto formation = objectAt(root, "formation");
  if (!formation) return;
  for (const auto& type : formation->getNames()) {
    if (!detail::isProcessType(type)) refuse("\"formation\" has the process type " + quoted(type));
    const auto object = objectAt(formation, type);
    if (!object) continue;
    AppJson::ProcessType& wish = result.formation[type];
    wish.size = textAt(object, "size", "formation." + type);
    const Var quantity = object->get("quantity");
    if (quantity.isEmpty()) continue;
    // As text, for a number that no int holds cannot be compared with one.
    std::uint64_t number = 0;
    if (!quantity.isInteger() || !base::parseNumber(quantity.toString(), number) || number > kMaxQuantity)
      refuse("formation." + type + ".quantity is not a number from 0 to 1000");
    wish.quantity = static_cast<int>(number);
  }
}

void readBuildpacks(const JsonObject::Ptr& root, AppJson& result) {
  const auto list = arrayAt(root, "buildpacks");
  if (!list) return;
  for (unsigned i = 0; i < list->size(); ++i) {
    const Var item = list->get(i);
    const std::string what = "buildpacks[" + std::to_string(i) + "]";
    const bool isObject = item.type() == typeid(JsonObject::Ptr);
    const std::string url =
        isObject ? textAt(item.extract<JsonObject::Ptr>(), "url", what) : textOf(item, what);
    if (url.empty()) refuse(what + " has no \"url\"");
    result.buildpacks.push_back(url);
  }
}

void readCron(const JsonObject::Ptr& root, AppJson& result) {
  if (const auto list = arrayAt(root, "cron")) result.cron = store::parseCron(list, "app.json: cron");
}

void readScripts(const JsonObject::Ptr& root, AppJson& result) {
  const auto scripts = objectAt(root, "scripts");
  if (!scripts) return;
  for (const auto& name : scripts->getNames()) {
    const Var value = scripts->get(name);
    // Dokku has an object here for its own scripts.
    if (value.isEmpty() || value.type() == typeid(JsonObject::Ptr)) continue;
    result.scripts.emplace(name, textOf(value, "scripts." + name));
  }
}

void readHealthchecks(const JsonObject::Ptr& root, AppJson& result) {
  if (const auto checks = objectAt(root, "healthchecks"))
    result.healthchecks = store::parseChecks(checks, "app.json: healthchecks");
}

}  // namespace

AppJson parseAppJson(std::string_view text) {
  const auto root = base::parseJsonObject(text, "app.json", kAppJsonMaxBytes);
  AppJson result;
  readBuildpacks(root, result);
  readEnv(root, result);
  readFormation(root, result);
  readScripts(root, result);
  readHealthchecks(root, result);
  readCron(root, result);
  return result;
}

std::optional<AppJson> readAppJson(const std::filesystem::path& source) {
  const auto text = detail::readTreeFile(source, "app.json", kAppJsonMaxBytes);
  if (!text) return std::nullopt;
  return parseAppJson(*text);
}

}  // namespace builder
