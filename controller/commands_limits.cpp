// limits, limits:set, limits:unset
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_limits.h"
#include "controller/command_set.h"
#include "controller/render.h"

namespace controller {
namespace {

constexpr std::size_t kMaxWords = 250;

std::string orNone(const AppLimit& limit, std::uint64_t value) {
  return value == 0 ? "none" : showLimit(limit, value);
}

int listLimits(const Invocation& call) {
  const store::App app = call.app();
  const auto settings = call.parts.store.settings(app.id);
  const AppLimits& limits = call.parts.limits;
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Limits"}};
  for (const AppLimit& limit : kAppLimits) {
    const std::string name(limit.name);
    const std::uint64_t value = limits.effective(limit, settings);
    const bool own = settings.contains(name);
    auto object = base::makeJsonObject();
    object->set("name", name);
    object->set("value", showLimit(limit, value));
    object->set("default", showLimit(limit, limits.standard(limit)));
    object->set("maximum", showLimit(limit, limits.maximum(limit)));
    object->set("set", own);
    object->set("description", std::string(limit.description));
    json->add(object);
    const std::string state = (own ? "set; default " + orNone(limit, limits.standard(limit)) : "default") +
                              ", at most " + orNone(limit, limits.maximum(limit));
    rows.push_back({name, orNone(limit, value), state, std::string(limit.description)});
  }
  call.print(json, table(rows));
  return 0;
}

int setLimits(const Invocation& call) {
  const store::App app = call.app();
  std::map<std::string, std::optional<std::string>> changes;
  for (const std::string& word : call.args) {
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      throw base::Error(base::Errc::invalidArgument,
                        "\"" + base::printable(word) + "\" is not NAME=VALUE, like build_memory_bytes=2G");
    const AppLimit& limit = buildLimit(word.substr(0, equals));
    changes[std::string(limit.name)] = call.parts.limits.accept(limit, word.substr(equals + 1));
  }
  call.parts.store.changeSettings(app.id, changes);
  return listLimits(call);
}

int unsetLimits(const Invocation& call) {
  const store::App app = call.app();
  std::map<std::string, std::optional<std::string>> changes;
  for (const std::string& name : call.args)
    changes[std::string(buildLimit(name).name)] = std::nullopt;
  call.parts.store.changeSettings(app.id, changes);
  return listLimits(call);
}

}  // namespace

std::vector<CommandSpec> limitCommands() {
  return {
      {"limits", "-a APP", "what a build of an app may use", 0, 0, {}, listLimits, Action::viewApp},
      {"limits:set",
       "NAME=VALUE... -a APP",
       "for the next builds: sizes like 2G",
       1,
       kMaxWords,
       {},
       setLimits,
       Action::manageApp},
      {"limits:unset",
       "NAME... -a APP",
       "as the server's settings say",
       1,
       kMaxWords,
       {},
       unsetLimits,
       Action::manageApp},
  };
}

}  // namespace controller
