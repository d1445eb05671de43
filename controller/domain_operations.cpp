#include "controller/domain_operations.h"

#include "base/error.h"
#include "controller/host_name.h"
#include "controller/render.h"

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

/// The one that it has without anybody's doing.
std::string ownHost(const CommandParts& parts, const store::App& app) {
  return app.name.str() + "." + parts.urls.domain();
}

struct DomainView {
  std::string id;
  std::string host;
  std::string kind;    ///< "custom", or "heroku" for the platform's own
  std::string target;  ///< or empty
};
base::JsonObject::Ptr domainJson(const store::App& app, const DomainView& view, base::Time since) {
  auto json = base::makeJsonObject();
  json->set("id", view.id);
  json->set("app", renderAppName(app));
  json->set("hostname", view.host);
  json->set("kind", view.kind);
  json->set("cname", view.target.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(view.target));
  json->set("status", "none");  // nothing is under way: it is served from now on
  for (const char* absent : {"acm_status", "acm_status_reason", "sni_endpoint"})
    json->set(absent, Poco::Dynamic::Var());
  json->set("created_at", base::toRfc3339(since));
  json->set("updated_at", base::toRfc3339(since));
  return json;
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

base::JsonObject::Ptr renderDomain(const CommandParts& parts, const store::App& app,
                                   const store::Domain& domain) {
  return domainJson(app,
                    {.id = domain.uuid, .host = domain.host, .kind = "custom", .target = ownHost(parts, app)},
                    domain.createdAt);
}

std::vector<base::JsonObject::Ptr> domainsJson(const CommandParts& parts, const store::App& app) {
  const std::string own = ownHost(parts, app);
  std::vector<base::JsonObject::Ptr> all{
      domainJson(app, {.id = derivedUuid("domain", app.uuid), .host = own, .kind = "heroku", .target = ""},
                 app.createdAt)};
  for (const store::Domain& domain : store::DomainStore(parts.store).ofApp(app.id))
    all.push_back(renderDomain(parts, app, domain));
  return all;
}

}  // namespace controller
