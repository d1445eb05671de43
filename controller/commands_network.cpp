// network, network:set
#include "controller/command_set.h"
#include "controller/network_policy.h"
#include "controller/render.h"

namespace controller {
namespace {

constexpr std::size_t kMaxWords = 250;

int showNetworkPolicy(const Invocation& call) {
  const store::App app = call.app();
  const builder::BuildNetwork network = networkOf(call.parts.store.settings(app.id));
  auto hosts = base::makeJsonArray();
  std::vector<std::vector<std::string>> rows{{"=== " + app.name.str() + " Network of builds"}};
  const std::string text = showNetwork(network);
  const std::string policy = text.substr(0, text.find(' '));
  rows.push_back({policy});
  for (const auto& host : network.hosts) {
    hosts->add(showHost(host));
    rows.push_back({"", showHost(host)});
  }
  auto json = base::makeJsonObject();
  json->set("policy", policy);
  json->set("hosts", hosts);
  call.print(json, table(rows));
  return 0;
}

int setNetworkPolicy(const Invocation& call) {
  const store::App app = call.app();
  call.parts.store.changeSettings(app.id, {{kNetworkSetting, showNetwork(parseNetwork(call.args))}});
  return showNetworkPolicy(call);
}

}  // namespace

std::vector<CommandSpec> networkCommands() {
  return {
      {"network", "-a APP", "what builds of an app may reach", 0, 0, {}, showNetworkPolicy, Action::viewApp},
      {"network:set",
       "full|none|allow HOST... -a APP",
       "for the next builds: *.NAME and NAME:PORT too",
       1,
       kMaxWords,
       {},
       setNetworkPolicy,
       Action::manageApp},
  };
}

}  // namespace controller
