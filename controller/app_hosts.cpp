#include "controller/app_hosts.h"

#include "controller/domain_operations.h"

namespace controller {

void AppHosts::refresh() {
  const auto now = std::chrono::steady_clock::now();
  if (now < until_) return;
  custom_.clear();
  for (const auto& [app, routes] : storedRoutes(store_))
    for (const std::string& host : routes.hosts)
      custom_.emplace(host, app);
  until_ = now + std::chrono::seconds(2);
}

std::optional<store::AppName> AppHosts::operator()(const std::string& host) {
  if (host.ends_with(ownEnding_)) {
    const auto name = store::AppName::tryParse(host.substr(0, host.size() - ownEnding_.size()));
    if (name && store_.findApp(*name)) return name;
  }
  refresh();
  const std::size_t dot = host.find('.');
  for (const std::string& each : {host, dot == std::string::npos ? host : "*" + host.substr(dot)}) {
    const auto found = custom_.find(each);
    if (found != custom_.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace controller
