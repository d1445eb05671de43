#include "builder/detail/proxy_hosts.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace builder::detail {
namespace {

std::string small(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// "http://user:secret@proxy.example:3128/" -> proxy.example, 3128
std::optional<sandbox::AllowedHost> hostOf(const std::string& url) {
  constexpr std::uint64_t kHttp = 80;
  constexpr std::uint64_t kHttps = 443;
  constexpr std::uint64_t kMaxPort = 65535;
  std::string text = small(url);
  std::uint64_t port = text.starts_with("https://") ? kHttps : kHttp;
  if (const auto scheme = text.find("://"); scheme != std::string::npos) text.erase(0, scheme + 3);
  text.resize(std::min(text.find('/'), text.size()));
  if (const auto user = text.rfind('@'); user != std::string::npos) text.erase(0, user + 1);
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    if (!base::parseNumber(text.substr(colon + 1), port) || port == 0 || port > kMaxPort) return std::nullopt;
    text.resize(colon);
  }
  if (text.empty()) return std::nullopt;
  return sandbox::AllowedHost{.name = text, .port = static_cast<std::uint16_t>(port)};
}

}  // namespace

std::vector<sandbox::AllowedHost> proxyHosts(
    const std::vector<std::pair<std::string, std::string>>& environment) {
  std::vector<sandbox::AllowedHost> hosts;
  for (const auto& [name, value] : environment) {
    const std::string variable = small(name);
    if (variable != "http_proxy" && variable != "https_proxy" && variable != "all_proxy") continue;
    const auto host = hostOf(value);
    if (host && std::find(hosts.begin(), hosts.end(), *host) == hosts.end()) hosts.push_back(*host);
  }
  return hosts;
}

}  // namespace builder::detail
