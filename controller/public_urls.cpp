#include "controller/public_urls.h"

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

std::string portOf(const std::string& address) {
  const auto colon = address.rfind(':');
  return colon == std::string::npos ? std::string() : address.substr(colon + 1);
}

std::string hostOf(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

}  // namespace

void PublicUrls::setEndpoints(const Endpoints& endpoints) {
  endpoints_.with([&](Endpoints& mine) { mine = endpoints; });
}

Endpoints PublicUrls::endpoints() const {
  return endpoints_.with([](const Endpoints& mine) { return mine; });
}

std::string PublicUrls::reachable(const std::string& address) const {
  const std::string host = hostOf(address);
  const bool nameless = host == "0.0.0.0" || host == "[::]" || host == "[::1]" || host.rfind("127.", 0) == 0;
  return (nameless ? domain_ : host) + ":" + portOf(address);
}

std::string PublicUrls::git(const store::AppName& app) const {
  return "ssh://git@" + reachable(endpoints().ssh) + "/" + app.str() + ".git";
}

std::string PublicUrls::web(const store::AppName& app) const {
  const Endpoints all = endpoints();
  const bool secure = !all.routerHttps.empty();
  const std::string port = portOf(secure ? all.routerHttps : all.router);
  const bool usual = port.empty() || port == (secure ? "443" : "80");
  return (secure ? "https://" : "http://") + app.str() + "." + domain_ + (usual ? "" : ":" + port) + "/";
}

std::string PublicUrls::http() const {
  return publicUrl_.empty() ? "http://" + reachable(endpoints().http) : publicUrl_;
}

std::string PublicUrls::registry() const {
  const std::string https = endpoints().https;
  return https.empty() || !publicUrl_.empty() ? http() : "https://" + reachable(https);
}

std::string PublicUrls::host() const {
  if (publicUrl_.empty()) return domain_;
  const std::string authority = publicUrl_.substr(publicUrl_.find("://") + 3);
  const auto colon = authority.rfind(':');
  const bool hasPort = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  return hasPort ? authority.substr(0, colon) : authority;
}

std::string PublicUrls::rendezvous(const std::string& secret) const {
  return "rendezvous://" + host() + ":" + portOf(endpoints().rendezvous) + "/" + secret;
}

std::string PublicUrls::image(const store::AppName& app, store::ReleaseVersion version) const {
  const std::string begin = registry();
  return begin.substr(begin.find("://") + 3) + "/" + app.str() + ":" + version.str();
}

std::string parsePublicUrl(const std::string& text) {
  const auto mark = text.find("://");
  const std::string scheme = text.substr(0, mark);
  const std::string host = mark == std::string::npos ? "" : text.substr(mark + 3);
  constexpr const char* kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
  if ((scheme != "http" && scheme != "https") || host.empty() ||
      host.find_first_not_of(kAllowed) != std::string::npos)
    throw base::Error(
        base::Errc::invalidArgument,
        "\"" + base::printable(text) +
            "\" is no address of this server: it is http:// or https://, a host, and a port if it "
            "has one of its own, as in https://paas.example.org");
  return text;
}

}  // namespace controller
