#include "controller/public_urls.h"

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
  const std::string port = portOf(endpoints().router);
  return "http://" + app.str() + "." + domain_ + (port == "80" || port.empty() ? "" : ":" + port) + "/";
}

std::string PublicUrls::http() const {
  return "http://" + reachable(endpoints().http);
}

std::string PublicUrls::image(const store::AppName& app, store::ReleaseVersion version) const {
  return reachable(endpoints().http) + "/" + app.str() + ":" + version.str();
}

}  // namespace controller
