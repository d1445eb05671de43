#include "sandbox/detail/firewall.h"

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
  for (const std::string& word : base::split(rule.match, ' ')) argv.push_back(word);
  return base::runCommand(argv);
}

}  // namespace

Firewall::Firewall(std::string bridge, Ipv4Network subnet) : bridge_(std::move(bridge)), subnet_(subnet) {
  if (!base::findProgram("iptables")) throw base::Error(base::Errc::unavailable, "containers need iptables for their way out: install the package iptables");
}

bool Firewall::complete() const {
  for (const Rule& rule : rulesOf(bridge_, subnet_)) {
    if (!iptables("-C", rule).status.ok()) return false;
  }
  return true;
}

void Firewall::ensure() const {
  if (complete()) return;
  remove();  // a part of them would stand in the wrong order
  std::string script;
  for (const std::string table : {"nat", "filter"}) {
    script += "*" + table + "\n";
    int position = 0;
    for (const Rule& rule : rulesOf(bridge_, subnet_)) {
      if (rule.table == table) script += "-I " + rule.chain + " " + std::to_string(++position) + " " + rule.match + "\n";
    }
    script += "COMMIT\n";
  }
  const auto output = base::runCommand({"iptables-restore", "-w", "--noflush"}, {.input = script});
  if (!output.status.ok()) throw base::Error(base::Errc::unavailable, "iptables refuses the rules for containers: " + base::printable(base::trim(output.err), 300));
}

void Firewall::remove() const {
  constexpr int kMaxCopies = 8;
  for (const Rule& rule : rulesOf(bridge_, subnet_)) {
    for (int copies = 0; copies < kMaxCopies && iptables("-D", rule).status.ok(); ++copies) {
    }
  }
}

}  // namespace sandbox
