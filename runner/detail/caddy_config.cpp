#include "runner/detail/caddy_config.h"

#include <optional>
#include <utility>
#include <vector>

#include "runner/detail/caddy_access_log.h"
#include "runner/detail/caddy_json.h"
#include "runner/detail/caddy_tls.h"
#include "runner/detail/route_files.h"
#include "runner/detail/router_pages.h"

namespace runner::detail {
namespace {

using Value = CaddyValue;

/// Of one process. Caddy's 32 would have it connect anew again and again under more clients than that.
constexpr int kIdleBackends = 512;
/// How long a request looks for a process that takes it.
constexpr const char* kTryFor = "2s";

std::string backendVariable(int index) {
  return "{fairlead.backend" + std::to_string(index) + "}";
}

/// Connecting takes no time on one machine, but for a process whose network went with it: the next one is
/// tried then while there is time for that. flush_interval is left alone: Caddy flushes event streams and
/// chunked answers at once anyway, and with -1 it would no longer end a request at the backend when the
/// client goes away. Compression is the app's matter: Caddy would ask it for gzip, and unpack that, where the
/// client asked for nothing.
Value proxy(const char* tryFor) {
  auto upstreams = base::makeJsonArray();
  for (int i = 0; i < RouteFiles::kPerSlot; ++i)
    upstreams->add(object({{"dial", backendVariable(i)}}));
  const Value keepAlive = object({{"idle_timeout", std::to_string(kIdleBackendS) + "s"},
                                  {"probe_interval", "30s"},
                                  {"max_idle_conns_per_host", kIdleBackends}});
  return object({{"handler", "reverse_proxy"},
                 {"transport", object({{"protocol", "http"},
                                       {"dial_timeout", "1s"},
                                       {"keep_alive", keepAlive},
                                       {"compression", false}})},
                 {"upstreams", Value(upstreams)},
                 // Else it would stand there twice when the process names it, too.
                 {"headers", object({{"response", object({{"delete", array({"X-Request-Id"})}})}})},
                 {"load_balancing", object({{"selection_policy", object({{"policy", "round_robin"}})},
                                            {"try_duration", tryFor},
                                            {"try_interval", "100ms"}})}});
}

/// Matches when the host has a set of backends, an empty one too.
Value hasRoute() {
  auto files = base::makeJsonArray();
  for (const char* slot :
       {"/{http.request.host}/{fairlead.slot}", "/_wildcard.{fairlead.parent}/{fairlead.slot}"})
    for (const std::string& pattern : patternsOf(slot))
      files->add(pattern);
  return object({{"root", "live"}, {"try_files", Value(files)}});
}

/// Passes the request to one of the backends that hasRoute() found, or says why there is none.
Value passOn(const char* tryFor) {
  std::string states;
  auto pages = base::makeJsonArray();
  for (const RouterPage* page : {&maintenancePage(), &startingPage(), &crashedPage(), &nonePage()}) {
    states += (states.empty() ? "" : "|") + std::string(page->state);
    const Value state = object({{"{fairlead.state}", array({page->state})}});
    pages->add(
        object({{"match", array({object({{"vars", state}})})}, {"handle", array({answerWith(*page)})}}));
  }
  // What a set is named that is no list of backends, see slotNames().
  const std::string pattern = "/[0-9a-f][/-](" + states + ")-([^/,]*)$";
  const Value names = object(
      {{"handler", "map"},
       {"source", "{http.matchers.file.relative}"},
       {"destinations", array({"{fairlead.state}", "{fairlead.app}"})},
       {"mappings", array({object({{"input_regexp", pattern}, {"outputs", array({"${1}", "${2}"})}})})}});
  pages->add(object({{"handle", array({answerWith(nonePage())})}}));
  const Value noBackend = object({{"{http.matchers.file.relative}", object({{"pattern", pattern}})}});
  const Value routes =
      array({object({{"match", array({object({{"vars_regexp", noBackend}})})},
                     {"handle", array({names, object({{"handler", "subroute"}, {"routes", Value(pages)}})})},
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

Value mapping(const char* pattern, const char* output) {
  return object({{"input_regexp", pattern}, {"outputs", array({output})}});
}

/// {fairlead.slot} is a random hexadecimal digit, {fairlead.backendN} come out of the name that the matcher
/// found, {fairlead.request_id} is what the request is called. Each is worked out where it is used, every
/// time.
std::vector<Value> variables() {
  auto names = base::makeJsonArray();
  auto outputs = base::makeJsonArray();
  std::string pattern = "^/[^/]+/[0-9a-f][/-]";
  for (int i = 0; i < RouteFiles::kPerSlot; ++i) {
    names->add(backendVariable(i));
    outputs->add("${" + std::to_string(i + 1) + "}");
    pattern += i == 0 ? "([^/,]+)" : ",([^/,]+)";
  }
  const Value slot = object({{"handler", "map"},
                             {"source", "{http.request.uuid}"},
                             {"destinations", array({"{fairlead.slot}"})},
                             {"mappings", array({mapping("^(.)", "${1}")})}});
  // A client's own one is kept, so that a request can be followed through several servers, when it is long
  // enough to be told from another's, and nothing that a log or a header could choke on.
  const Value requestId = object({{"handler", "map"},
                                  {"source", "{http.request.header.X-Request-Id}"},
                                  {"destinations", array({"{fairlead.request_id}"})},
                                  {"mappings", array({mapping("^([A-Za-z0-9-]{20,200})$", "${1}")})},
                                  {"defaults", array({"{http.request.uuid}"})}});
  const Value backends =
      object({{"handler", "map"},
              {"source", "{http.matchers.file.relative}"},
              {"destinations", Value(names)},
              {"mappings", array({object({{"input_regexp", pattern + "$"}, {"outputs", Value(outputs)}})})}});
  return {requestId, slot, backends};
}

/// {fairlead.parent} is what stands behind the first dot of the host: "*.example.com" is looked for by it.
Value parent() {
  return object({{"handle", array({object({{"handler", "map"},
                                           {"source", "{http.request.host}"},
                                           {"destinations", array({"{fairlead.parent}"})},
                                           {"mappings", array({mapping("^[^.]+[.](.+)$", "${1}")})}})})}});
}

/// What a process is told about the request beside X-Forwarded-For, -Proto and -Host, which are Caddy's own.
Value requestHeaders(const std::string& listen) {
  const Value request =
      object({{"set", object({{"X-Request-Id", array({"{fairlead.request_id}"})},
                              {"X-Forwarded-Port", array({listen.substr(listen.rfind(':') + 1)})}})}});
  // The request has it by now.
  const Value answer =
      object({{"set", object({{"X-Request-Id", array({"{http.request.header.X-Request-Id}"})}})}});
  return object({{"handler", "headers"}, {"request", request}, {"response", answer}});
}

/// Comes before everything else.
Value everyRequest(const std::string& listen) {
  auto handlers = base::makeJsonArray();
  for (const Value& variable : variables())
    handlers->add(variable);
  handlers->add(accessLogNotes());
  handlers->add(requestHeaders(listen));
  return object({{"handle", Value(handlers)}});
}

/// Most requests are for the host of an app that runs, written in small letters: those need one look at one
/// folder with one file. What this does not find is looked for again, by all the rules.
Value shortWay() {
  const Value found =
      object({{"root", "live"}, {"try_files", array({"/{http.request.host}/{fairlead.slot}/*:*"})}});
  return object({{"match", array({object({{"file", found}})})},
                 {"handle", array({proxy(kTryFor)})},
                 {"terminal", true}});
}

/// `redirect`: the handler for hosts that have an app, in place of the app.
Value appServer(const std::string& listen, const std::optional<Value>& redirect = std::nullopt) {
  auto routes = base::makeJsonArray();
  routes->add(everyRequest(listen));
  if (!redirect) routes->add(shortWay());
  routes->add(lowerHost());
  routes->add(parent());
  routes->add(object({{"match", array({object({{"file", hasRoute()}})})},
                      {"handle", array({redirect ? *redirect : passOn(kTryFor)})},
                      {"terminal", true}}));
  routes->add(object({{"handle", array({answerWith(unknownPage())})}}));
  // A process that went away while a request waited for it: what can be repeated is tried on the backends of
  // now.
  const Value repeatable = object({{"method", array({"GET", "HEAD"})},
                                   {"file", hasRoute()},
                                   {"vars", object({{"{http.error.status_code}", array({"502"})}})}});
  const Value errors =
      array({object({{"match", array({repeatable})}, {"handle", array({passOn("5s")})}, {"terminal", true}}),
             object({{"handle", array({answerWith(failurePage())})}})});
  return object({{"listen", array({listen})},
                 {"automatic_https", object({{"disable", true}})},
                 {"read_header_timeout", "30s"},
                 {"logs", Value(accessLogOfServer())},
                 {"routes", Value(routes)},
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

/// The same over TLS. Without HTTP/3: nobody asked for a UDP port to be opened.
Value appTlsServer(const std::string& listen) {
  const Value server = appServer(listen);
  auto members = server.extract<base::JsonObject::Ptr>();
  members->set("protocols", array({"h1", "h2"}));
  members->set("tls_connection_policies", array({Value(base::makeJsonObject())}));
  return server;
}

std::string portOf(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

}  // namespace

std::string caddyConfig(const CaddyListeners& listeners) {
  const Value logFile =
      object({{"output", "file"}, {"filename", "caddy/caddy.log"}, {"roll_size_mb", 10}, {"roll_keep", 2}});
  const auto& tls = listeners.appsTls;
  auto servers = base::makeJsonObject();
  servers->set("apps", appServer(listeners.apps, tls && tls->settings.redirect
                                                     ? std::optional(redirectTo(tls->settings.listen))
                                                     : std::nullopt));
  if (tls) servers->set("apps-tls", appTlsServer(tls->settings.listen));
  if (tls) servers->set("ask", askServer(tls->ask));
  if (listeners.daemon) servers->set("daemon", daemonServer(*listeners.daemon));
  auto http = base::makeJsonObject();
  http->set("grace_period", "5s");
  http->set("servers", Value(servers));
  if (tls) {
    // Where authorities look whether a host is ours: else Caddy would open ports 80 and 443 itself.
    http->set("http_port", std::stoi(portOf(listeners.apps)));
    http->set("https_port", std::stoi(portOf(tls->settings.listen)));
  }
  auto apps = base::makeJsonObject();
  apps->set("http", Value(http));
  if (tls || listeners.daemon) apps->set("tls", tlsApp(listeners));
  // Its own authority is for trying things out: no other program of this machine is to believe it.
  const Value authority = object({{"local", object({{"install_trust", false}})}});
  if (tls) apps->set("pki", object({{"certificate_authorities", authority}}));
  const Value config = object(
      {{"admin", object({{"listen", "unix/caddy/admin.sock"},
                         {"origins", array({"fairlead"})},
                         {"config", object({{"persist", false}})}})},
       {"logging",
        object({{"logs",
                 object({{"default", object({{"writer", logFile}, {"exclude", Value(namesOfRequests())}})},
                         {"access", Value(accessLogWriter())}})}})},
       {"apps", Value(apps)}});
  return base::toJson(config.extract<base::JsonObject::Ptr>());
}

}  // namespace runner::detail
