#include "sandbox/detail/firewall.h"

#include <arpa/inet.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"

namespace sandbox {
namespace {

struct Jump {
  std::string table;
  std::string chain;
  std::string match;
};

std::string fromContainersToHost(const std::string& bridge) {
  return bridge + "-in";
}
std::string fromContainers(const std::string& bridge) {
  return bridge + "-out";
}
std::string toContainers(const std::string& bridge) {
  return bridge + "-to";
}
std::string betweenContainers(const std::string& bridge) {
  return bridge + "-peer";
}
/// Where what comes from a container of the group goes.
std::string ofGroup(const std::string& bridge, std::size_t group) {
  return bridge + "-g" + std::to_string(group);
}

// From the machine's chains into ours. The last is put first: what comes from one container and goes to
// another is refused, not dropped.
std::vector<Jump> jumpsOf(const std::string& bridge, const Ipv4Network& subnet) {
  return {{"nat", "POSTROUTING", "-s " + subnet.str() + " ! -o " + bridge + " -j MASQUERADE"},
          {"filter", "INPUT", "-i " + bridge + " -j " + fromContainersToHost(bridge)},
          {"filter", "FORWARD", "-o " + bridge + " -j " + toContainers(bridge)},
          {"filter", "FORWARD", "-i " + bridge + " -j " + fromContainers(bridge)}};
}

base::CommandOutput iptables(const std::string& action, const Jump& jump) {
  std::vector<std::string> argv{"iptables", "-w", "-t", jump.table, action, jump.chain};
  for (const std::string& word : base::split(jump.match, ' '))
    argv.push_back(word);
  return base::runCommand(argv);
}

base::CommandOutput restore(const std::string& script) {
  return base::runCommand({"iptables-restore", "-w", "--noflush"}, {.input = script});
}

// Jumps in one go and in one process; a table's lines are done all or none.
std::string withJumps(const std::string& action, const std::vector<Jump>& jumps, const std::string& filter) {
  std::string script;
  for (const std::string table : {"nat", "filter"}) {
    script += "*" + table + "\n" + (table == "filter" ? filter : "");
    for (const Jump& jump : jumps) {
      if (jump.table == table) script += action + " " + jump.chain + " " + jump.match + "\n";
    }
    script += "COMMIT\n";
  }
  return script;
}

std::string refuse(const std::string& match) {
  return match + " -p tcp -j REJECT --reject-with tcp-reset\n" + match +
         " -j REJECT --reject-with icmp-port-unreachable\n";
}

}  // namespace

std::vector<HostService> parseHostServices(const std::string& text) {
  std::vector<HostService> services;
  for (const std::string& part : base::split(text, ',')) {
    const std::string service(base::trim(part));
    if (service.empty()) continue;
    const auto colon = service.find(':');
    constexpr std::uint64_t kMaxPort = 65535;
    const std::string host = service.substr(0, colon);
    in_addr address{};
    std::uint64_t port = 0;
    if (colon == std::string::npos || (host != "*" && ::inet_pton(AF_INET, host.c_str(), &address) != 1) ||
        !base::parseNumber(service.substr(colon + 1), port) || port == 0 || port > kMaxPort)
      throw base::Error(
          base::Errc::invalidArgument,
          base::printable(service) +
              " in the setting host_services is not ADDRESS:PORT, like 192.0.2.1:5432 or *:443");
    services.push_back({ntohl(address.s_addr), static_cast<std::uint16_t>(port)});
  }
  return services;
}

Firewall::Firewall(std::string bridge, Ipv4Network subnet, HostDoors doors,
                   std::vector<std::vector<std::string>> groups)
    : bridge_(std::move(bridge)), subnet_(subnet), doors_(std::move(doors)), groups_(std::move(groups)) {
  if (!base::findProgram("iptables"))
    throw base::Error(base::Errc::unavailable,
                      "containers need iptables for their way out: install the package iptables");
}

// A chain that is named with a colon is made, or emptied: afterwards it holds exactly this.
std::string Firewall::chains() const {
  const std::string in = "-A " + fromContainersToHost(bridge_);
  const std::string out = "-A " + fromContainers(bridge_);
  const std::string to = "-A " + toContainers(bridge_);
  constexpr const char* kOngoing = " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";
  std::string text;
  for (const auto& chain : {fromContainersToHost(bridge_), fromContainers(bridge_), toContainers(bridge_),
                            betweenContainers(bridge_)})
    text += ":" + chain + " - [0:0]\n";
  // A rule for each address, not for each pair.
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    text += ":" + ofGroup(bridge_, i) + " - [0:0]\n";
    for (const std::string& address : groups_[i]) {
      text += "-A " + betweenContainers(bridge_) + " -s " + address + " -j " + ofGroup(bridge_, i) + "\n";
      text += "-A " + ofGroup(bridge_, i) + " -d " + address + " -j ACCEPT\n";
    }
  }
  text += in + kOngoing;
  for (const std::string& server : doors_.nameServers) {
    for (const auto& chain : {in, out}) {
      for (const char* protocol : {" -p udp", " -p tcp"})
        text += chain + " -d " + server + protocol + " --dport 53 -j ACCEPT\n";
    }
  }
  for (const HostService& service : doors_.hostServices) {
    const std::string destination =
        service.address == 0 ? "" : " -d " + Ipv4Network{service.address, 32}.str();
    text += in + destination + " -p tcp --dport " + std::to_string(service.port) + " -j ACCEPT\n";
  }
  text += refuse(in);
  // Link-local (AWS, Google, Azure and most others), Alibaba, Azure's own.
  for (const char* metadata : {"169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32"})
    text += refuse(out + " -d " + metadata);
  text += out + " -o " + bridge_ + kOngoing;
  text += out + " -o " + bridge_ + " -j " + betweenContainers(bridge_) + "\n";
  text += refuse(out + " -o " + bridge_);
  text += out + " -j ACCEPT\n";
  text += to + kOngoing + to + " -j DROP\n";
  return text;
}

void Firewall::ensure() const {
  std::vector<Jump> missing;
  for (const Jump& jump : jumpsOf(bridge_, subnet_)) {
    if (!iptables("-C", jump).status.ok()) missing.push_back(jump);
  }
  const auto output = restore(withJumps("-I", missing, chains()));
  if (!output.status.ok())
    throw base::Error(base::Errc::unavailable, "iptables refuses the rules for containers: " +
                                                   base::printable(base::trim(output.err), 300));
}

void Firewall::refresh() const {
  const auto output = restore("*filter\n" + chains() + "COMMIT\n");
  if (!output.status.ok())
    throw base::Error(base::Errc::unavailable, "iptables refuses the rules for containers: " +
                                                   base::printable(base::trim(output.err), 300));
}

void Firewall::remove() const {
  std::string emptied, gone;
  std::vector<std::string> chains{fromContainersToHost(bridge_), fromContainers(bridge_),
                                  toContainers(bridge_), betweenContainers(bridge_)};
  // As many as there were groups at any time, also before this daemon.
  for (const std::string& line : base::split(base::runCommand({"iptables", "-w", "-S"}).out, '\n'))
    if (line.starts_with("-N " + bridge_ + "-g")) chains.push_back(line.substr(3));
  for (const auto& chain : chains) {
    emptied += ":" + chain + " - [0:0]\n";
    gone += "-X " + chain + "\n";
  }
  // Some may be missing, or there more than once: then one by one.
  constexpr int kMaxCopies = 8;
  const auto jumps = jumpsOf(bridge_, subnet_);
  if (!restore(withJumps("-D", jumps, "")).status.ok()) {
    for (const Jump& jump : jumps) {
      for (int copies = 0; copies < kMaxCopies && iptables("-D", jump).status.ok(); ++copies) {
      }
    }
  }
  restore("*filter\n" + emptied + gone + "COMMIT\n");
}

}  // namespace sandbox
