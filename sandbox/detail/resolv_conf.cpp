#include "sandbox/detail/resolv_conf.h"

#include <arpa/inet.h>

#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox {
namespace {

constexpr std::size_t kMaxServers = 3;  // the resolver reads no more

bool isAddress(const std::string& text) {
  unsigned char raw[sizeof(in6_addr)];
  const std::string withoutScope = text.substr(0, text.find('%'));
  return ::inet_pton(AF_INET, text.c_str(), raw) == 1 ||
         ::inet_pton(AF_INET6, withoutScope.c_str(), raw) == 1;
}

// Loopback is the container's own; a scoped address names an interface that it does not have.
bool reachable(const std::string& server) {
  return isAddress(server) && !server.starts_with("127.") && server != "::1" &&
         server.find('%') == std::string::npos;
}

std::vector<std::string> serversIn(const std::string& text) {
  std::vector<std::string> servers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, server;
    if (words >> keyword >> server && keyword == "nameserver" && reachable(server) &&
        servers.size() < kMaxServers)
      servers.push_back(server);
  }
  return servers;
}

std::vector<std::string> configuredServers(const std::string& list) {
  std::vector<std::string> servers;
  for (const std::string& part : base::split(list, ',')) {
    const std::string server(base::trim(part));
    if (server.empty()) continue;
    if (!isAddress(server))
      throw base::Error(base::Errc::invalidArgument,
                        base::printable(server) + " in the list of name servers is not an IP address");
    servers.push_back(server);
  }
  return servers;
}

// "search" and "options" as they are.
std::string otherLines(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("search ") || line.starts_with("options ") || line.starts_with("domain "))
      result += line + "\n";
  }
  return result;
}

}  // namespace

ResolverFile makeResolvConf(const ResolverSources& sources) {
  std::vector<std::string> servers = configuredServers(sources.configured);
  if (servers.empty()) servers = serversIn(sources.host);
  if (servers.empty()) servers = serversIn(sources.upstream);
  ResolverFile file;
  file.guessed = servers.empty();
  if (servers.empty()) servers = {"1.1.1.1", "8.8.8.8"};
  for (const std::string& server : servers)
    file.text += "nameserver " + server + "\n";
  file.text += otherLines(sources.host);
  return file;
}

std::vector<std::string> nameServersOf(std::string_view text) {
  std::vector<std::string> servers = serversIn(std::string(text));
  std::erase_if(servers, [](const std::string& server) { return server.find(':') != std::string::npos; });
  return servers;
}

ResolverFile hostResolvConf(const std::string& configured) {
  return makeResolvConf({.configured = configured,
                         .host = readOrEmpty("/etc/resolv.conf"),
                         .upstream = readOrEmpty("/run/systemd/resolve/resolv.conf")});
}

}  // namespace sandbox
