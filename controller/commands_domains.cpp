// domains, domains:add, domains:remove, maintenance, maintenance:on, maintenance:off
#include "controller/command_set.h"
#include "controller/domain_operations.h"
#include "controller/render.h"

namespace controller {
namespace {

using Maintenance = store::DomainStore::Maintenance;

int listDomains(const Invocation& call) {
  const store::App app = call.app();
  auto json = base::makeJsonArray();
  std::string text = "=== " + app.name.str() + " Domains\n";
  for (const auto& domain : domainsJson(call.parts, app)) {
    json->add(domain);
    text += base::jsonString(domain, "hostname") + "\n";
  }
  call.print(json, text);
  return 0;
}

int addDomains(const Invocation& call) {
  const store::App app = call.app();
  const store::Domain domain = addDomain(call.parts, app, call.args[0]);
  call.print(renderDomain(call.parts, app, domain),
             "Added " + domain.host + " to " + app.name.str() + ": let its DNS name point to this machine\n");
  return 0;
}

int removeDomains(const Invocation& call) {
  const store::App app = call.app();
  const store::Domain domain = removeDomain(call.parts, app, call.args[0]);
  call.print(renderDomain(call.parts, app, domain),
             "Removed " + domain.host + " from " + app.name.str() + "\n");
  return 0;
}

int report(const Invocation& call, const store::App& app) {
  const bool on = store::DomainStore(call.parts.store).maintenance(app.id);
  auto json = base::makeJsonObject();
  json->set("maintenance", on);
  call.print(json, "Maintenance of " + app.name.str() + " is " + (on ? "on" : "off") + "\n");
  return 0;
}

int showMaintenance(const Invocation& call) {
  return report(call, call.app());
}

int switchMaintenance(const Invocation& call, Maintenance state) {
  const store::App app = call.app();
  setMaintenance(call.parts, app, state);
  return report(call, app);
}

}  // namespace

std::vector<CommandSpec> domainCommands() {
  return {
      {"domains",
       "-a APP",
       "show the hosts that the app is served at",
       0,
       0,
       {},
       listDomains,
       Action::viewApp},
      {"domains:add",
       "HOST -a APP",
       "serve the app at a host of your own, *.example.com too",
       1,
       1,
       {},
       addDomains,
       Action::operateApp},
      {"domains:remove",
       "HOST -a APP",
       "serve it there no more",
       1,
       1,
       {},
       removeDomains,
       Action::operateApp},
      {"maintenance",
       "-a APP",
       "show whether the app is in maintenance",
       0,
       0,
       {},
       showMaintenance,
       Action::viewApp},
      {"maintenance:on",
       "-a APP",
       "answer requests with a page of maintenance",
       0,
       0,
       {},
       [](const Invocation& call) { return switchMaintenance(call, Maintenance::on); },
       Action::operateApp},
      {"maintenance:off",
       "-a APP",
       "pass requests to the app again",
       0,
       0,
       {},
       [](const Invocation& call) { return switchMaintenance(call, Maintenance::off); },
       Action::operateApp},
  };
}

}  // namespace controller
