#include "controller/network_policy.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;
using Reach = builder::BuildNetwork::Reach;

constexpr std::size_t kMaxHosts = 200;
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

bool isAddress(const std::string& name) {
  in_addr ignored{};
  return ::inet_pton(AF_INET, name.c_str(), &ignored) == 1;
}

bool isLabel(const std::string& label) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kMaxLabel && std::all_of(label.begin(), label.end(), allowed);
}

bool isName(std::string name) {
  if (name.starts_with("*.")) name.erase(0, 2);
  const auto labels = base::split(name, '.');
  const std::string& top = labels.back();
  // Four numbers that are no address are no name either.
  return name.size() <= kMaxName && std::all_of(labels.begin(), labels.end(), isLabel) &&
         !std::all_of(top.begin(), top.end(), [](char c) { return c >= '0' && c <= '9'; });
}

sandbox::AllowedHost parseHost(const std::string& text) {
  std::string name = text;
  std::uint64_t port = 0;
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    constexpr std::uint64_t kMaxPort = 65535;
    if (!base::parseNumber(name.substr(colon + 1), port) || port == 0 || port > kMaxPort) name.clear();
    name.resize(std::min(colon, name.size()));
  }
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name.ends_with('.')) name.pop_back();
  if (!isAddress(name) && !isName(name))
    throw Error(
        Errc::invalidArgument,
        "\"" + base::printable(text) +
            "\" is no host: give names like registry.example.org, *.example.org or mirror.example.org:80, or "
            "IPv4 addresses");
  return {.name = name, .port = static_cast<std::uint16_t>(port)};
}

}  // namespace

builder::BuildNetwork parseNetwork(const std::vector<std::string>& words) {
  const std::string mode = words.empty() ? "" : words.front();
  if (mode == "full" || mode == "none") {
    if (words.size() > 1)
      throw Error(Errc::invalidArgument, mode + " takes no hosts: a list of them begins with the word allow");
    return {.reach = mode == "full" ? Reach::full : Reach::none, .hosts = {}};
  }
  if (mode != "allow")
    throw Error(Errc::invalidArgument, "\"" + base::printable(mode) +
                                           "\" is no policy: use full, none, or "
                                           "allow and a list of hosts");
  builder::BuildNetwork network{.reach = Reach::listed, .hosts = {}};
  for (std::size_t i = 1; i < words.size(); ++i) {
    for (const std::string& text : base::split(words[i], ',')) {
      if (text.empty()) continue;
      sandbox::AllowedHost host = parseHost(text);
      if (std::find(network.hosts.begin(), network.hosts.end(), host) == network.hosts.end())
        network.hosts.push_back(std::move(host));
    }
  }
  if (network.hosts.empty())
    throw Error(Errc::invalidArgument,
                "allow needs hosts, like registry.example.org: to allow nothing, use none");
  if (network.hosts.size() > kMaxHosts)
    throw Error(Errc::invalidArgument,
                "a list can have " + std::to_string(kMaxHosts) + " hosts: use wildcards like *.example.org");
  return network;
}

std::string showHost(const sandbox::AllowedHost& host) {
  return host.name + (host.port == 0 ? "" : ":" + std::to_string(host.port));
}

std::string showNetwork(const builder::BuildNetwork& network) {
  if (network.reach != Reach::listed) return network.reach == Reach::full ? "full" : "none";
  std::vector<std::string> hosts;
  for (const auto& host : network.hosts)
    hosts.push_back(showHost(host));
  return "allow " + base::join(hosts, ",");
}

builder::BuildNetwork networkOf(const std::map<std::string, std::string>& settings) {
  const auto found = settings.find(kNetworkSetting);
  return found == settings.end() ? builder::BuildNetwork{} : parseNetwork(base::split(found->second, ' '));
}

}  // namespace controller
