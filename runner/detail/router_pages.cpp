#include "runner/detail/router_pages.h"

#include <string>

namespace runner::detail {
namespace {

std::string asText(const RouterPage& page) {
  return std::string(page.text) + (page.command ? std::string(": ") + page.command : "") + "\n";
}

/// Without a style sheet: its braces would be placeholders to Caddy.
std::string asHtml(const RouterPage& page) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light "
      "dark\">\n";
  if (page.retryAfterS > 0)
    html += "<meta http-equiv=\"refresh\" content=\"" + std::to_string(page.retryAfterS) + "\">\n";
  html += std::string("<title>") + page.title + "</title>\n" +
          "<body style=\"font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto; padding: "
          "0 1rem\">\n" +
          "<h1>" + page.title + "</h1>\n<p>" + page.text + (page.command ? ":" : ".") + "</p>\n";
  if (page.command) html += std::string("<pre>") + page.command + "</pre>\n";
  return html;
}

CaddyValue answer(const RouterPage& page, const char* type, const std::string& body) {
  auto headers = base::makeJsonObject();
  headers->set("Content-Type", array({std::string(type) + "; charset=utf-8"}));
  headers->set("Cache-Control", array({"no-store"}));
  headers->set("Vary", array({"Accept"}));
  if (page.retryAfterS > 0) headers->set("Retry-After", array({std::to_string(page.retryAfterS)}));
  return object(
      {{"handler", "static_response"},
       {"status_code", page.status == 0 ? CaddyValue("{http.error.status_code}") : CaddyValue(page.status)},
       {"headers", CaddyValue(headers)},
       {"body", body}});
}

}  // namespace

const RouterPage& maintenancePage() {
  static const RouterPage page{
      "maintenance", 503, "Down for maintenance", "down for maintenance: try again in a while", nullptr, 0};
  return page;
}

const RouterPage& startingPage() {
  static const RouterPage page{"starting", 503, "Starting", "the app is starting: try again in a few seconds",
                               nullptr,    5};
  return page;
}

const RouterPage& crashedPage() {
  static const RouterPage page{"crashed",
                               503,
                               "The app has crashed",
                               "the app's web processes have crashed and will be started again",
                               "fairlead logs -a {fairlead.app}",
                               10};
  return page;
}

const RouterPage& nonePage() {
  static const RouterPage page{"none",
                               503,
                               "Nothing is running",
                               "no web process is running",
                               "fairlead ps:scale web=1 -a {fairlead.app}",
                               0};
  return page;
}

const RouterPage& unknownPage() {
  static const RouterPage page{
      "", 404, "No such app", "no such app: nothing is deployed at this address", nullptr, 0};
  return page;
}

const RouterPage& failurePage() {
  static const RouterPage page{
      "", 0, "The app does not answer", "no web process of this app answered: its logs tell why", nullptr, 0};
  return page;
}

CaddyValue answerWith(const RouterPage& page) {
  const CaddyValue html =
      object({{"match", array({object({{"header", object({{"Accept", array({"*text/html*"})}})}})})},
              {"handle", array({answer(page, "text/html", asHtml(page))})},
              {"terminal", true}});
  const CaddyValue text = object({{"handle", array({answer(page, "text/plain", asText(page))})}});
  return object({{"handler", "subroute"}, {"routes", array({html, text})}});
}

}  // namespace runner::detail
