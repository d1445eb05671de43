#include "runner/detail/caddy_tls.h"

#include "runner/detail/route_files.h"

namespace runner::detail {
namespace {

/// No public authority gives certificates for these.
bool isPrivate(const std::string& domain) {
  return domain.find('.') == std::string::npos || domain.ends_with(".localhost") ||
         domain.ends_with(".internal") || domain.ends_with(".local") || domain.ends_with(".test");
}

CaddyValue issuer(const AppsTls& settings) {
  if (settings.acmeDirectory.empty() || settings.acmeDirectory == "internal")
    return object({{"module", "internal"}});
  auto acme = base::makeJsonObject();
  acme->set("module", "acme");
  acme->set("ca", settings.acmeDirectory);
  if (!settings.acmeEmail.empty()) acme->set("email", settings.acmeEmail);
  if (!settings.acmeCa.empty()) acme->set("trusted_roots_pem_files", array({settings.acmeCa.string()}));
  return CaddyValue(acme);
}

/// Got at a host's first connection, and renewed a third of their time before they end.
CaddyValue automation(const AppsTlsListener& apps) {
  auto policies = base::makeJsonArray();
  if (isPrivate(apps.settings.domain)) {
    policies->add(object({{"subjects", array({"*." + apps.settings.domain})},
                          {"on_demand", true},
                          {"issuers", array({object({{"module", "internal"}})})}}));
  }
  policies->add(object({{"on_demand", true}, {"issuers", array({issuer(apps.settings)})}}));
  return object(
      {{"on_demand", object({{"ask", "http://" + apps.ask + "/"}})}, {"policies", CaddyValue(policies)}});
}

}  // namespace

CaddyValue tlsApp(const CaddyListeners& listeners) {
  auto pairs = base::makeJsonArray();
  const auto add = [&pairs](const auto& listener) {
    if (listener && !listener->certificate.empty())
      pairs->add(object({{"certificate", listener->certificate}, {"key", listener->key}}));
  };
  add(listeners.daemon);
  add(listeners.appsTls);
  auto tls = base::makeJsonObject();
  tls->set("certificates", object({{"load_pem", CaddyValue(pairs)}}));
  if (listeners.appsTls) tls->set("automation", automation(*listeners.appsTls));
  return CaddyValue(tls);
}

CaddyValue askServer(const std::string& listen) {
  // Not below a wildcard: whoever has one could have any number of certificates asked for, until the
  // authority gives this server none any more.
  auto files = base::makeJsonArray();
  for (const std::string& pattern : patternsOf("/{http.request.uri.query.domain}/0"))
    files->add(pattern);
  const CaddyValue known = object({{"root", "live"}, {"try_files", CaddyValue(files)}});
  const CaddyValue yes = object({{"handler", "static_response"}, {"status_code", 200}});
  const CaddyValue no = object({{"handler", "static_response"}, {"status_code", 404}});
  return object({{"listen", array({listen})},
                 {"protocols", array({"h1"})},
                 {"automatic_https", object({{"disable", true}})},
                 {"routes", array({object({{"match", array({object({{"file", known}})})},
                                           {"handle", array({yes})},
                                           {"terminal", true}}),
                                   object({{"handle", array({no})}})})}});
}

CaddyValue redirectTo(const std::string& httpsAddress) {
  const std::string port = httpsAddress.substr(httpsAddress.rfind(':') + 1);
  const std::string place =
      "https://{http.request.host}" + (port == "443" ? std::string() : ":" + port) + "{http.request.uri}";
  return object({{"handler", "static_response"},
                 {"status_code", 308},
                 {"headers", object({{"Location", array({place})}})}});
}

}  // namespace runner::detail
