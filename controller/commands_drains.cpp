// drains, drains:add, drains:remove
#include "base/error.h"
#include "controller/command_set.h"
#include "controller/drain_operations.h"
#include "controller/render.h"

namespace controller {
namespace {

int listDrains(const Invocation& call) {
  const store::App app = call.app();
  auto json = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Drains"}};
  for (const store::Drain& drain : store::DrainStore(call.parts.store).ofApp(app.id)) {
    json->add(renderDrain(call.parts, drain));
    const DrainStatus status = drainStatus(call.parts, drain);
    rows.push_back({withoutPassword(drain.url), drain.token, std::to_string(status.sent) + " sent",
                    std::to_string(status.dropped) + " dropped", status.failure});
  }
  call.print(json, rows.size() == 1 ? "The log of " + app.name.str() + " goes nowhere else\n" : table(rows));
  return 0;
}

int add(const Invocation& call) {
  const store::App app = call.app();
  const store::Drain drain = addDrain(call.parts, app, call.args[0]);
  call.print(renderDrain(call.parts, drain), "The log of " + app.name.str() + " goes to " +
                                                 withoutPassword(drain.url) + " too, as " + drain.token +
                                                 "\n");
  return 0;
}

int remove(const Invocation& call) {
  const store::App app = call.app();
  const store::Drain drain = removeDrain(call.parts, app, call.args[0]);
  call.print(renderDrain(call.parts, drain), "Nothing goes to " + withoutPassword(drain.url) + " any more\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> drainCommands() {
  return {
      {"drains", "-a APP", "show where the app's log goes", 0, 0, {}, listDrains, Action::operateApp},
      {"drains:add",
       "URL -a APP",
       "send the app's log to a syslog or HTTPS receiver",
       1,
       1,
       {},
       add,
       Action::operateApp},
      {"drains:remove", "URL|ID -a APP", "send it there no more", 1, 1, {}, remove, Action::operateApp},
  };
}

}  // namespace controller
