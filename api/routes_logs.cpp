// /apps/A/log-sessions: logs by a URL that needs no token.
#include <algorithm>
#include <ostream>

#include "api/route.h"
#include "api/shapes.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/disconnect_watch.h"
#include "runner/app_log.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

constexpr std::int64_t kDefaultLines = 100;
constexpr std::int64_t kMostLines = 10'000;
constexpr const char* kAny = "all";  // in the place of a source or a process

/// A piece of a path: what the sources and processes of logs are called.
std::string pieceOf(const Call& call, const std::string& name) {
  std::string value = base::jsonString(call.body, name);
  if (value.empty()) return kAny;
  constexpr const char* kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  constexpr std::size_t kMaxBytes = 100;
  if (value.size() > kMaxBytes || value.find_first_not_of(kAllowed) != std::string::npos || value == "." ||
      value == "..")
    throw Error(Errc::invalidArgument, name + " must be a word, as in web.1 or app");
  return value;
}

Reply createSession(const Call& call) {
  const Poco::Dynamic::Var lines = call.body->get("lines");
  const std::int64_t count = std::clamp(lines.isEmpty() ? kDefaultLines : lines.convert<std::int64_t>(),
                                        std::int64_t{0}, kMostLines);
  const Poco::Dynamic::Var tail = call.body->get("tail");
  std::string dyno = pieceOf(call, "dyno");
  if (dyno == kAny) dyno = pieceOf(call, "type");
  const std::string source = pieceOf(call, "source");
  const std::string path = "/apps/" + call.app().name.str() + "/log-sessions/" + std::to_string(count) + "/" +
                           (!tail.isEmpty() && tail.convert<bool>() ? "tail" : "once") + "/" + source + "/" +
                           dyno;
  auto json = base::makeJsonObject();
  json->set("id", base::randomUuid());
  json->set("logplex_url", call.origin + call.parts.signer.sign("GET", path));
  const std::string now = base::toRfc3339(call.parts.control.clock.now());
  json->set("created_at", now);
  json->set("updated_at", now);
  return reply(json, 201);
}

/// One line as the client takes it: an event, or plain text.
class LineStream {
 public:
  LineStream(base::HttpRequest& request, base::HttpResponse& response)
      : events_(request.get("Accept", "").find("text/event-stream") != std::string::npos) {
    response.setContentType(events_ ? "text/event-stream" : "text/plain; charset=utf-8");
    response.set("Cache-Control", "no-store");
    response.setChunkedTransferEncoding(true);
    stream_ = &response.send();
    stream_->flush();
  }

  void send(const runner::LogLine& line) {
    if (events_)
      *stream_ << "id: " << line.number << "\ndata: " << line.format() << "\n\n" << std::flush;
    else
      *stream_ << line.format() << "\n" << std::flush;
    if (!stream_->good()) throw Error(Errc::cancelled, "the client went away");
  }

 private:
  const bool events_;
  std::ostream* stream_ = nullptr;
};

Reply streamLogs(const Call& call) {
  std::uint64_t lines = 0;
  if (!base::parseNumber(call.word("lines"), lines) || lines > kMostLines)
    throw Error(Errc::notFound, "there is no such log session");
  const auto word = [&](const std::string& name) {
    return call.word(name) == kAny ? std::string() : call.word(name);
  };
  runner::LogQuery query{.lines = lines, .process = word("dyno"), .source = word("source")};
  // A client that lost the connection asks again, and goes on behind the line that it had last.
  std::uint64_t last = 0;
  if (base::parseNumber(call.request.get("Last-Event-ID", ""), last)) {
    query.after = last;
    query.lines = kMostLines;
  }
  const bool tail = call.word("until") == "tail";
  return {.send = [&log = call.parts.control.appLog, app = call.app().name, query, tail](
                      base::HttpRequest& request, base::HttpResponse& response) {
    LineStream stream(request, response);
    if (request.getMethod() == "HEAD") return;
    if (!tail) {
      for (const runner::LogLine& line : log.read(app, query))
        stream.send(line);
      return;
    }
    const controller::DisconnectWatch watch(request);
    log.follow(
        app, query, [&](const runner::LogLine& line) { stream.send(line); }, watch.token());
  }};
}

}  // namespace

std::vector<Route> logRoutes() {
  return {
      {"POST", "/apps/{app}/log-sessions", "A signed URL that gives log lines", logSessionShape(),
       createSession, Action::viewApp,
       object({{"dyno", orNull(text())},
               {"type", orNull(text())},
               {"source", orNull(text())},
               {"lines", orNull(whole())},
               {"tail", orNull(flag())}}),
       201},
      {.method = "GET",
       .path = "/apps/{app}/log-sessions/{lines}/{until}/{source}/{dyno}",
       .summary = "Log lines, as text or as server-sent events; with \"tail\" until the client goes",
       .answer = anything(),
       .handle = streamLogs,
       .action = Action::viewApp,
       .door = Door::signature},
  };
}

}  // namespace api
