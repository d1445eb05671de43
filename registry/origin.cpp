#include "registry/origin.h"

#include <string_view>

#include "base/strings.h"

namespace registry {
namespace {

bool isHost(std::string_view host) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:[]";
  constexpr std::size_t kMaxHost = 255;
  return !host.empty() && host.size() <= kMaxHost && host.find_first_not_of(kAllowed) == std::string::npos;
}

/// Of a list, the first: what the client said to the proxy that it saw.
std::string firstOf(const base::HttpRequest& request, const std::string& header) {
  const std::string list = request.get(header, "");
  return std::string(base::trim(std::string_view(list).substr(0, list.find(','))));
}

std::string hostOf(const base::HttpRequest& request) {
  const std::string forwarded = isPeerLocal(request) ? firstOf(request, "X-Forwarded-Host") : "";
  return isHost(forwarded) ? forwarded : request.get("Host", "");
}

}  // namespace

bool isPeerLocal(const base::HttpRequest& request) {
  const Poco::Net::SocketAddress peer = request.clientAddress();
  if (peer.family() == Poco::Net::SocketAddress::UNIX_LOCAL) return true;
  const Poco::Net::IPAddress host = peer.host();
  return host.isLoopback() || host.toString().starts_with("::ffff:127.");
}

std::string originOf(const base::HttpRequest& request, const std::string& publicUrl) {
  const std::string host = hostOf(request);
  if (!isHost(host)) {
    if (!publicUrl.empty()) return publicUrl;
    const Poco::Net::SocketAddress mine = request.serverAddress();
    return "http://" +
           (mine.family() == Poco::Net::SocketAddress::UNIX_LOCAL ? "localhost" : mine.toString());
  }
  if (firstOf(request, "X-Forwarded-Proto") == "https") return "https://" + host;
  return hostOfOrigin(publicUrl) == host ? publicUrl : "http://" + host;
}

std::string hostOfOrigin(const std::string& origin) {
  const auto mark = origin.find("://");
  return mark == std::string::npos ? std::string() : origin.substr(mark + 3);
}

}  // namespace registry
