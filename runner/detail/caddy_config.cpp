#include "runner/detail/caddy_config.h"

#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "runner/detail/caddy_access_log.h"
#include "runner/detail/route_files.h"

namespace runner::detail {
namespace {

using Value = Poco::Dynamic::Var;

Value object(std::initializer_list<std::pair<const char*, Value>> members) {
  auto made = base::makeJsonObject();
  for (const auto& [key, value] : members)
    made->set(key, value);
  return made;
}

Value array(std::initializer_list<Value> items) {
  auto made = base::makeJsonArray();
  for (const Value& item : items)
    made->add(item);
  return made;
}

/// Of one process. Caddy's 32 would have it connect anew again and again under more clients than that.
constexpr int kIdleBackends = 512;

std::string backendVariable(int index) {
  return "{fairlead.backend" + std::to_string(index) + "}";
}

/// A page of one sentence.
Value page(const Value& status, const char* text) {
  return object({{"handler", "static_response"},
                 {"status_code", status},
                 {"headers", object({{"Content-Type", array({"text/plain; charset=utf-8"})},
                                     {"Cache-Control", array({"no-store"})}})},
                 {"body", std::string(text) + "\n"}});
}

/// flush_interval is left alone: Caddy flushes event streams and chunked answers at once anyway, and with -1
/// it would no longer end a request at the backend when the client goes away.
Value proxy(const char* tryFor) {
  auto upstreams = base::makeJsonArray();
  for (int i = 0; i < RouteFiles::kPerSlot; ++i)
    upstreams->add(object({{"dial", backendVariable(i)}}));
  const Value keepAlive = object({{"idle_timeout", std::to_string(kIdleBackendS) + "s"},
                                  {"probe_interval", "30s"},
                                  {"max_idle_conns_per_host", kIdleBackends}});
  return object({{"handler", "reverse_proxy"},
                 {"transport", object({{"protocol", "http"}, {"keep_alive", keepAlive}})},
                 {"upstreams", Value(upstreams)},
                 {"load_balancing", object({{"selection_policy", object({{"policy", "round_robin"}})},
                                            {"try_duration", tryFor},
                                            {"try_interval", "100ms"}})}});
}

/// Matches when the host has a set of backends, an empty one too. Three times the same: see
/// RouteFiles::publish().
Value hasRoute() {
  const char* const own = "/{http.request.host}/{fairlead.slot}-*";
  const char* const wildcard = "/_wildcard.{fairlead.parent}/{fairlead.slot}-*";
  return object({{"root", "live"}, {"try_files", array({own, own, own, wildcard, wildcard, wildcard})}});
}

/// Passes the request to one of the backends that hasRoute() found.
Value passOn(const char* tryFor) {
  const Value noBackend =
      object({{"{http.matchers.file.relative}", object({{"name", "none"}, {"pattern", "-none-([^/,]*)$"}})}});
  const Value maintenance = object(
      {{"{http.matchers.file.relative}", object({{"name", "maintenance"}, {"pattern", "-maintenance-"}})}});
  const Value routes = array(
      {object({{"match", array({object({{"vars_regexp", maintenance}})})},
               {"handle", array({page(503, "down for maintenance: try again in a while")})},
               {"terminal", true}}),
       object({{"match", array({object({{"vars_regexp", noBackend}})})},
               {"handle",
                array({page(503,
                            "no web process is running: fairlead ps:scale web=1 -a {http.regexp.none.1}")})},
               {"terminal", true}}),
       object({{"handle", array({proxy(tryFor)})}})});
  return object({{"handler", "subroute"}, {"routes", routes}});
}

/// Names are folders of lower case; a client may write the host as it likes. (RFC 9110 section 4.2.3.)
Value lowerHost() {
  auto letters = base::makeJsonArray();
  for (char c = 'A'; c <= 'Z'; ++c) {
    letters->add(object(
        {{"search", std::string(1, c)}, {"replace", std::string(1, static_cast<char>(c - 'A' + 'a'))}}));
  }
  const Value replace = object({{"Host", Value(letters)}});
  return object(
      {{"match", array({object({{"header_regexp", object({{"Host", object({{"pattern", "[A-Z]"}})}})}})})},
       {"handle", array({object({{"handler", "headers"}, {"request", object({{"replace", replace}})}})})}});
}

/// {fairlead.parent} is the host without its first label, {fairlead.slot} is a random hexadecimal digit,
/// {fairlead.backendN} come out of the name that the matcher found.
Value variables() {
  auto names = base::makeJsonArray();
  auto outputs = base::makeJsonArray();
  std::string pattern = "/[0-9a-f]-";
  for (int i = 0; i < RouteFiles::kPerSlot; ++i) {
    names->add(backendVariable(i));
    outputs->add("${" + std::to_string(i + 1) + "}");
    pattern += i == 0 ? "([^/,]+)" : ",([^/,]+)";
  }
  const Value slot =
      object({{"handler", "map"},
              {"source", "{http.request.uuid}"},
              {"destinations", array({"{fairlead.slot}"})},
              {"mappings", array({object({{"input_regexp", "^(.)"}, {"outputs", array({"${1}"})}})})}});
  // What stands behind the first dot: "*.example.com" is looked for by it.
  const Value parent = object(
      {{"handler", "map"},
       {"source", "{http.request.host}"},
       {"destinations", array({"{fairlead.parent}"})},
       {"mappings", array({object({{"input_regexp", "^[^.]+[.](.+)$"}, {"outputs", array({"${1}"})}})})}});
  const Value backends =
      object({{"handler", "map"},
              {"source", "{http.matchers.file.relative}"},
              {"destinations", Value(names)},
              {"mappings", array({object({{"input_regexp", pattern + "$"}, {"outputs", Value(outputs)}})})}});
  return object({{"handle", array({slot, parent, backends})}});
}

Value appServer(const std::string& listen) {
  const Value routes = array(
      {lowerHost(), variables(),
       object({{"match", array({object({{"file", hasRoute()}})})},
               {"handle", array({passOn("2s")})},
               {"terminal", true}}),
       object({{"handle", array({page(404, "no such app: nothing is deployed at {http.request.host}")})}})});
  // A process that went away while a request waited for it: what can be repeated is tried on the backends of
  // now.
  const Value repeatable = object({{"method", array({"GET", "HEAD"})},
                                   {"file", hasRoute()},
                                   {"vars", object({{"{http.error.status_code}", array({"502"})}})}});
  const Value failure =
      page("{http.error.status_code}", "no web process of this app answered: fairlead logs tells why");
  const Value errors =
      array({object({{"match", array({repeatable})}, {"handle", array({passOn("5s")})}, {"terminal", true}}),
             object({{"handle", array({failure})}})});
  return object({{"listen", array({listen})},
                 {"automatic_https", object({{"disable", true}})},
                 {"read_header_timeout", "30s"},
                 {"logs", Value(accessLogOfServer())},
                 {"routes", routes},
                 {"errors", object({{"routes", errors}})}});
}

/// The daemon's HTTP listener, with TLS around it. Who it is for comes in X-Forwarded-For, -Proto and -Host.
/// Without HTTP/3: nobody asked for a UDP port to be opened.
Value daemonServer(const TlsListener& tls) {
  const Value forward =
      object({{"handler", "reverse_proxy"}, {"upstreams", array({object({{"dial", tls.backend}})})}});
  return object({{"listen", array({tls.listen})},
                 {"protocols", array({"h1", "h2"})},
                 {"automatic_https", object({{"disable", true}})},
                 {"read_header_timeout", "30s"},
                 {"tls_connection_policies", array({object({})})},
                 {"routes", array({object({{"handle", array({forward})}})})}});
}

/// Caddy's part for certificates. It would reread nothing while the configuration is the same: so the files'
/// version is in it.
Value certificates(const TlsListener& tls) {
  const Value file = object(
      {{"certificate", tls.certificate}, {"key", tls.key}, {"tags", array({"version-" + tls.version})}});
  return object({{"certificates", object({{"load_files", array({file})}})}});
}

}  // namespace

std::string caddyConfig(const std::string& listen, const std::optional<TlsListener>& tls) {
  const Value logFile =
      object({{"output", "file"}, {"filename", "caddy.log"}, {"roll_size_mb", 10}, {"roll_keep", 2}});
  auto servers = base::makeJsonObject();
  servers->set("apps", appServer(listen));
  if (tls) servers->set("daemon", daemonServer(*tls));
  auto apps = base::makeJsonObject();
  apps->set("http", object({{"grace_period", "5s"}, {"servers", Value(servers)}}));
  if (tls) apps->set("tls", certificates(*tls));
  const Value config =
      object({{"admin", object({{"listen", "unix/admin.sock"},
                                {"origins", array({"fairlead"})},
                                {"config", object({{"persist", false}})}})},
              {"logging", object({{"logs", object({{"default", object({{"writer", logFile}, {"exclude", Value(accessLogNames())}})},
                                                          {"access", Value(accessLogWriter())}})}})},
              {"apps", Value(apps)}});
  return base::toJson(config.extract<base::JsonObject::Ptr>());
}

}  // namespace runner::detail
