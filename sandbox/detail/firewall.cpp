#include "sandbox/detail/firewall.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"

namespace sandbox {
namespace {

struct Rule {
  std::string table;
  std::string chain;
  std::string match;
};

// In the order in which they are to stand in their chain.
std::vector<Rule> rulesOf(const std::string& bridge, const Ipv4Network& subnet) {
  return {{"nat", "POSTROUTING", "-s " + subnet.str() + " ! -o " + bridge + " -j MASQUERADE"},
          {"filter", "FORWARD", "-i " + bridge + " -j ACCEPT"},
          {"filter", "FORWARD", "-o " + bridge + " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"},
          {"filter", "FORWARD", "-o " + bridge + " -j DROP"}};
}

base::CommandOutput iptables(const std::string& action, const Rule& rule) {
  std::vector<std::string> argv{"iptables", "-w", "-t", rule.table, action, rule.chain};
  for (const std::string& word : base::split(rule.match, ' '))
    argv.push_back(word);
  return base::runCommand(argv);
}

// All rules in one go and in one process; iptables-restore does a table's lines all or none.
base::CommandOutput applyAll(const std::string& action, const std::vector<Rule>& rules) {
  std::string script;
  for (const std::string table : {"nat", "filter"}) {
    script += "*" + table + "\n";
    int position = 0;
    for (const Rule& rule : rules) {
      if (rule.table != table) continue;
      const std::string place = action == "-I" ? " " + std::to_string(++position) : "";
      script += action + " " + rule.chain + place + " " + rule.match + "\n";
    }
    script += "COMMIT\n";
  }
  return base::runCommand({"iptables-restore", "-w", "--noflush"}, {.input = script});
}

}  // namespace

Firewall::Firewall(std::string bridge, Ipv4Network subnet) : bridge_(std::move(bridge)), subnet_(subnet) {
  if (!base::findProgram("iptables"))
    throw base::Error(base::Errc::unavailable,
                      "containers need iptables for their way out: install the package iptables");
}

void Firewall::ensure() const {
  const std::vector<Rule> rules = rulesOf(bridge_, subnet_);
  const auto present = std::count_if(rules.begin(), rules.end(),
                                     [](const Rule& rule) { return iptables("-C", rule).status.ok(); });
  if (present == static_cast<std::ptrdiff_t>(rules.size())) return;
  if (present > 0) remove();  // a part of them would stand in the wrong order
  const auto output = applyAll("-I", rules);
  if (!output.status.ok())
    throw base::Error(base::Errc::unavailable, "iptables refuses the rules for containers: " +
                                                   base::printable(base::trim(output.err), 300));
}

void Firewall::remove() const {
  const std::vector<Rule> rules = rulesOf(bridge_, subnet_);
  if (applyAll("-D", rules).status.ok()) return;
  // Some are missing, or there more than once: one by one.
  constexpr int kMaxCopies = 8;
  for (const Rule& rule : rules) {
    for (int copies = 0; copies < kMaxCopies && iptables("-D", rule).status.ok(); ++copies) {
    }
  }
}

}  // namespace sandbox
