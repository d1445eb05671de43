#include "controller/events_api.h"

#include <Poco/URI.h>

#include <ostream>

#include "base/error.h"
#include "base/strings.h"
#include "controller/disconnect_watch.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr std::uint64_t kUsual = 100;
constexpr std::uint64_t kMost = 100'000;

struct Parameters {
  std::string app;
  std::uint64_t num = kUsual;
  std::optional<std::uint64_t> after;
  bool tail = false;
};

std::uint64_t numberOf(const std::string& key, const std::string& text, std::uint64_t most) {
  std::uint64_t value = 0;
  if (base::parseNumber(text, value) && value <= most) return value;
  throw Error(Errc::invalidArgument, "\"" + key + "\" takes a whole number up to " + std::to_string(most));
}

Parameters parametersOf(const base::HttpRequest& request) {
  constexpr std::uint64_t kMaxId = 1ull << 62;
  Parameters parameters;
  for (const auto& [key, value] : Poco::URI(request.getURI()).getQueryParameters()) {
    if (key == "app")
      parameters.app = value;
    else if (key == "num")
      parameters.num = numberOf(key, value, kMost);
    else if (key == "after")
      parameters.after = numberOf(key, value, kMaxId);
    else if (key == "tail" && (value == "true" || value == "false"))
      parameters.tail = value == "true";
    else
      throw Error(Errc::invalidArgument, "\"" + base::printable(key) +
                                             "\" is not understood here: use app, num, after, and tail=true");
  }
  if (const std::string last = request.get("Last-Event-ID", ""); !last.empty())
    parameters.after = numberOf("Last-Event-ID", last, kMaxId);
  return parameters;
}

class Stream {
 public:
  enum class Form { lines, events };
  Stream(Form form, std::ostream& out) : form_(form), out_(out) {}

  void show(const store::Event& event) {
    const std::string json = base::toJson(renderEvent(event));
    if (form_ == Form::lines)
      out_ << json << '\n';
    else
      out_ << "id: " << event.id << "\nevent: " << event.kind << "\ndata: " << json << "\n\n";
    flush();
  }
  /// So that proxies do not take it for dead.
  void keepAlive() {
    if (form_ == Form::events) out_ << ":\n\n";
    flush();
  }

 private:
  void flush() {
    out_.flush();
    if (!out_.good()) throw Error(Errc::cancelled, "the client went away");
  }

  const Form form_;
  std::ostream& out_;
};

}  // namespace

base::JsonObject::Ptr renderEvent(const store::Event& event) {
  auto json = base::makeJsonObject();
  json->set("id", event.id);
  json->set("at", base::toRfc3339(event.at));
  json->set("actor", event.actor.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(event.actor));
  json->set("via", event.via.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(event.via));
  if (event.app) {
    auto app = base::makeJsonObject();
    app->set("id", event.appUuid);
    app->set("name", event.appName);
    json->set("app", app);
  } else {
    json->set("app", Poco::Dynamic::Var());
  }
  json->set("kind", event.kind);
  json->set("sentence", event.sentence);
  return json;
}

void sendEvents(const EventsRequest& asked) {
  if (asked.request.getMethod() != "GET")
    throw Error(Errc::invalidArgument, "events are read, by GET: they come of what is changed");
  const Parameters parameters = parametersOf(asked.request);
  const auto checkedApp = [&]() -> std::optional<store::AppId> {
    const Identity caller = asked.authenticate();
    if (!parameters.app.empty()) return asked.access.app(caller, Action::viewApp, parameters.app).id;
    asked.access.require(caller, Action::readServer);
    return std::nullopt;
  };
  const std::optional<store::AppId> app = checkedApp();
  const bool live = asked.request.get("Accept", "").find("text/event-stream") != std::string::npos;
  store::EventStore events(asked.store);
  const auto latest = events.newest(std::nullopt, 1);  // before: nothing is lost in between
  const auto first = parameters.after
                         ? events.after(static_cast<std::int64_t>(*parameters.after), app, parameters.num)
                         : events.newest(app, parameters.num);
  asked.response.setContentType(live ? "text/event-stream" : "application/x-ndjson");
  asked.response.set("Cache-Control", "no-store");
  asked.response.setChunkedTransferEncoding(true);
  const DisconnectWatch watch(asked.request);
  Stream stream(live ? Stream::Form::events : Stream::Form::lines, asked.response.send());
  const std::int64_t none = latest.empty() ? 0 : latest.back().id;
  std::int64_t last = parameters.after ? static_cast<std::int64_t>(*parameters.after) : none;
  for (const store::Event& event : first) {
    stream.show(event);
    last = event.id;
  }
  if (!live && !parameters.tail) return;
  stream.keepAlive();
  events.follow(last, app,
                {.show = [&](const store::Event& event) { stream.show(event); },
                 .idle =
                     [&] {
                       checkedApp();
                       stream.keepAlive();
                     },
                 .check = [&] { checkedApp(); }},
                watch.token());
}

}  // namespace controller
