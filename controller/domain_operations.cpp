#include "controller/domain_operations.h"

#include "base/error.h"
#include "controller/host_name.h"

namespace controller {
namespace {

/// The host of "https://host:port".
std::string hostOfUrl(const std::string& url) {
  const auto mark = url.find("://");
  const std::string rest = mark == std::string::npos ? url : url.substr(mark + 3);
  return rest.substr(0, rest.find_first_of(":/"));
}

bool isBelow(const std::string& host, const std::string& domain) {
  return host.size() > domain.size() && host.ends_with(domain) &&
         host[host.size() - domain.size() - 1] == '.';
}

/// Whether requests for `server` or for apps below it would come to `host`.
bool covers(const std::string& host, const std::string& server) {
  if (host == server || isBelow(host, server)) return true;
  return host.starts_with("*.") && server.find('.') != std::string::npos &&
         server.substr(server.find('.')) == host.substr(1);
}

void refuseOwnHosts(const PublicUrls& urls, const std::string& host) {
  for (const std::string& server : {urls.domain(), hostOfUrl(urls.http())}) {
    if (!covers(host, server)) continue;
    throw base::Error(base::Errc::invalidArgument,
                      host + " belongs to this server, which serves each app at APP." + urls.domain() +
                          ": choose a host of another domain");
  }
}

runner::AppRoutes routesOf(store::DomainStore& domains, store::AppId app) {
  runner::AppRoutes routes{.hosts = {}, .maintenance = domains.maintenance(app)};
  for (const store::Domain& domain : domains.ofApp(app))
    routes.hosts.push_back(domain.host);
  return routes;
}

}  // namespace

void tellRoutes(const CommandParts& parts, const store::App& app) {
  store::DomainStore domains(parts.store);
  parts.engine.route(app.name, routesOf(domains, app.id));
}

store::Domain addDomain(const CommandParts& parts, const store::App& app, const std::string& host) {
  const std::string normal = normalHost(host);
  refuseOwnHosts(parts.urls, normal);
  const auto lease = parts.locks.lock(app.id);
  const store::Domain domain =
      store::DomainStore(parts.store).add(app.id, normal, parts.serviceLimits.domainsMax);
  tellRoutes(parts, app);
  return domain;
}

store::Domain removeDomain(const CommandParts& parts, const store::App& app, const std::string& hostOrId) {
  const auto lease = parts.locks.lock(app.id);
  store::DomainStore domains(parts.store);
  // As it was added, however it is typed now.
  const bool isHost = hostOrId.find('.') != std::string::npos;
  const store::Domain domain = domains.get(app.id, isHost ? normalHost(hostOrId) : hostOrId);
  domains.remove(domain.id);
  tellRoutes(parts, app);
  return domain;
}

void setMaintenance(const CommandParts& parts, const store::App& app, store::DomainStore::Maintenance state) {
  const auto lease = parts.locks.lock(app.id);
  store::DomainStore(parts.store).setMaintenance(app.id, state);
  tellRoutes(parts, app);
}

std::map<store::AppName, runner::AppRoutes> storedRoutes(store::ReleaseStore& store) {
  store::DomainStore domains(store);
  std::map<store::AppName, runner::AppRoutes> all;
  for (const store::App& app : store.apps()) {
    runner::AppRoutes routes = routesOf(domains, app.id);
    if (routes != runner::AppRoutes{}) all.emplace(app.name, std::move(routes));
  }
  return all;
}

base::JsonObject::Ptr renderDomain(const store::App& app, const store::Domain& domain) {
  auto owner = base::makeJsonObject();
  owner->set("id", app.uuid);
  owner->set("name", app.name.str());
  auto json = base::makeJsonObject();
  json->set("id", domain.uuid);
  json->set("app", owner);
  json->set("hostname", domain.host);
  json->set("kind", "custom");
  json->set("cname", Poco::Dynamic::Var());
  json->set("status", "succeeded");
  json->set("created_at", base::toRfc3339(domain.createdAt));
  json->set("updated_at", base::toRfc3339(domain.createdAt));
  return json;
}

}  // namespace controller
