#include "controller/http_api.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "base/version.h"
#include "controller/disconnect_watch.h"
#include "controller/events_api.h"
#include "store/acting.h"

namespace controller {
namespace {

constexpr std::string_view kInputPath = "/fairlead/commands/input/";
constexpr std::string_view kBackupPath = "/fairlead/backup/";
constexpr std::size_t kMaxCommandBytes = 4u << 20;

/// One NDJSON object per write, flushed at once. Commands may write from several threads.
class EventStream {
 public:
  explicit EventStream(std::ostream& stream) : stream_(stream) {}
  void send(const std::string& key, const std::string& valueJson) {
    const std::lock_guard lock(mutex_);
    stream_ << '{' << base::jsonQuote(key) << ':' << valueJson << "}\n" << std::flush;
    if (!stream_.good()) throw base::Error(base::Errc::cancelled, "the client went away");
  }

 private:
  std::mutex mutex_;
  std::ostream& stream_;
};

class EventSink : public base::ByteSink {
 public:
  EventSink(EventStream& events, std::string key) : events_(events), key_(std::move(key)) {}
  void write(std::string_view bytes) override { events_.send(key_, base::jsonQuote(bytes)); }

 private:
  EventStream& events_;
  const std::string key_;
};

class StreamSink : public base::ByteSink {
 public:
  explicit StreamSink(std::ostream& stream) : stream_(stream) {}
  void write(std::string_view bytes) override {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream_.good()) throw base::Error(base::Errc::cancelled, "the client went away");
  }

 private:
  std::ostream& stream_;
};

/// Bytes as they are.
class BytesSink : public base::ByteSink {
 public:
  explicit BytesSink(EventStream& events) : events_(events) {}
  void write(std::string_view bytes) override {
    events_.send("bytes", base::jsonQuote(base::toBase64(bytes)));
  }

 private:
  EventStream& events_;
};

/// What came, as soon as it has come: a body is else read until the buffer is full, and keys are few.
class PromptBody : public base::ByteSource {
 public:
  explicit PromptBody(base::HttpRequest& request) : body_(request) {}
  std::size_t read(char* buffer, std::size_t capacity) override { return body_.readSome(buffer, capacity); }

 private:
  base::RequestBody body_;
};

/// What a client says that can talk: {"columns", "rows", "type"} when it has a terminal.
std::optional<CommandInput::Client> talkerOf(const base::JsonObject::Ptr& body, const std::string& user) {
  const auto talk = body->getObject("talk");
  if (!talk) return std::nullopt;
  CommandInput::Client client{.user = user, .terminal = std::nullopt, .terminalType = ""};
  if (const auto size = terminalSizeOf(talk)) {
    constexpr std::size_t kMaxType = 64;
    client.terminal = size;
    client.terminalType = base::printable(base::jsonString(talk, "type"), kMaxType);
  }
  return client;
}

std::vector<std::string> stringArray(const base::JsonObject::Ptr& object, const std::string& key) {
  std::vector<std::string> values;
  const auto array = object->getArray(key);
  if (!array) throw base::Error(base::Errc::invalidArgument, "\"" + key + "\" must be an array of strings");
  for (std::size_t i = 0; i < array->size(); ++i) {
    if (!array->get(static_cast<unsigned>(i)).isString())
      throw base::Error(base::Errc::invalidArgument, "\"" + key + "\" must be an array of strings");
    values.push_back(array->getElement<std::string>(static_cast<unsigned>(i)));
  }
  return values;
}

/// Who logs in while a request is handled acts until its end, and no longer.
class ActingHandler : public Poco::Net::HTTPRequestHandler {
 public:
  explicit ActingHandler(std::unique_ptr<Poco::Net::HTTPRequestHandler> inner) : inner_(std::move(inner)) {}
  void handleRequest(base::HttpRequest& request, base::HttpResponse& response) override {
    const store::ActingAs acting;
    inner_->handleRequest(request, response);
  }

 private:
  const std::unique_ptr<Poco::Net::HTTPRequestHandler> inner_;
};

}  // namespace

HttpApi::HttpApi(const HttpApiParts& parts)
    : rest_(parts.rest),
      commands_(parts.commands),
      metrics_(parts.metrics),
      registry_(parts.registry),
      tokenApi_(parts.tokenApi),
      tokens_(parts.tokens),
      store_(parts.store),
      access_(parts.access),
      backups_(parts.backups) {}

base::HttpRouter HttpApi::router(Door door) {
  return [this, door](const base::HttpRequest& request) {
    return std::make_unique<ActingHandler>(route(door, request));
  };
}

Caller HttpApi::authenticate(Door door, const base::HttpRequest& request) {
  const auto known = [](Caller caller) {
    store::ActingAs::become({caller.user, caller.via});
    return caller;
  };
  if (door == Door::unixSocket) return known(localAdministrator());
  if (const auto token = tokens_.ofHeader(request.get("Authorization", ""))) {
    Caller caller = access_.ofToken(*token);
    access_.require(caller, Action::identify);
    return known(std::move(caller));
  }
  throw base::Error(base::Errc::unauthenticated,
                    "this needs a token: make one on the server with fairlead tokens:create, and send it as "
                    "Authorization: Bearer TOKEN");
}

std::unique_ptr<Poco::Net::HTTPRequestHandler> HttpApi::route(Door door, const base::HttpRequest& request) {
  std::string path = request.getURI();
  path = path.substr(0, path.find('?'));
  if (path == "/v2" || path.rfind("/v2/", 0) == 0) return registry_.handler(request);
  if (path == registry::TokenApi::kPath) return tokenApi_.handler();
  if (path == "/healthz") {
    return base::makeHandler(
        [](auto& in, auto& out) { base::sendBody(in, out, 200, "text/plain; charset=utf-8", "ok\n"); });
  }
  if (path == "/metrics") {
    return base::makeHandler([this, door](auto& in, auto& out) { sendMetrics(door, in, out); });
  }
  if (path == "/") {
    return base::makeHandler([](auto& in, auto& out) {
      base::sendBody(in, out, 200, "text/plain; charset=utf-8",
                     "Fairlead " + std::string(base::kVersion) + "\nImages: /v2/  Health: /healthz\n");
    });
  }
  if (path == "/fairlead/events")
    return base::makeHandler([this, door](auto& in, auto& out) {
      sendEvents({in, out, store_, access_, [&] { return authenticate(door, in); }});
    });
  if (path == "/fairlead/backup" || path.starts_with(kBackupPath))
    return base::makeHandler([this, door](auto& in, auto& out) { sendBackup(door, in, out); });
  if (path.starts_with(kInputPath))
    return base::makeHandler([this, door](auto& in, auto& out) { takeInput(door, in, out); });
  if (path == "/fairlead/commands")
    return base::makeHandler([this, door](auto& in, auto& out) { runCommand(door, in, out); });
  return rest_.handler([this, door](const base::HttpRequest& in) { return authenticate(door, in); });
}

void HttpApi::runCommand(Door door, base::HttpRequest& request, base::HttpResponse& response) {
  const Caller caller = authenticate(door, request);
  if (request.getMethod() != "POST")
    throw base::Error(base::Errc::invalidArgument, "commands are sent by POST");
  const auto body =
      base::parseJsonObject(base::readBody(request, kMaxCommandBytes, "command_max_bytes"), "the request");
  const std::vector<std::string> argv = stringArray(body, "argv");
  const std::string input = base::jsonString(body, "stdin");
  const std::string defaultApp = base::jsonString(body, "app");
  auto client = talkerOf(body, caller.user);

  response.setContentType("application/x-ndjson");
  response.setChunkedTransferEncoding(true);
  const DisconnectWatch watch(request);
  EventStream events(response.send());
  EventSink out(events, "out");
  EventSink err(events, "err");
  const auto save = [&](const Download& download) {
    auto json = base::makeJsonObject();
    json->set("path", download.path);
    json->set("file", download.file);
    if (download.kind == Download::Kind::secret) json->set("secret", true);
    events.send("save", base::toJson(json));
  };
  BytesSink bytes(events);
  std::shared_ptr<CommandInput> talker;  // shared with the request that brings its keys
  std::optional<CommandInputs::Entry> entry;
  if (client) {
    talker =
        std::make_shared<CommandInput>(*std::move(client), bytes, [&events] { events.send("raw", "true"); });
    entry.emplace(inputs_, talker);
    events.send("input", base::jsonQuote(std::string(kInputPath) + entry->id()));
  }
  const auto ending = [&events] { events.send("ending", std::to_string(::getpid())); };
  const int code = commands_.run(caller, argv,
                                 {.out = out,
                                  .err = err,
                                  .save = save,
                                  .input = input,
                                  .defaultApp = defaultApp,
                                  .stop = watch.token(),
                                  .interaction = talker.get(),
                                  .ending = ending});
  entry.reset();
  events.send("exit", std::to_string(code));
}

/// The keys of a command that runs: answered when the client ends them, or the command takes no more.
void HttpApi::takeInput(Door door, base::HttpRequest& request, base::HttpResponse& response) {
  const Caller caller = authenticate(door, request);
  if (request.getMethod() != "POST") throw base::Error(base::Errc::invalidArgument, "input is sent by POST");
  const auto input = inputs_.get(request.getURI().substr(kInputPath.size()), caller.user);
  PromptBody body(request);
  try {
    CommandInputs::relay(body, *input);
  } catch (...) {
    input->endOfFeed();
    throw;
  }
  input->endOfFeed();
  base::sendJson(request, response, 200, "{}");
}

/// One that a command has prepared, or a new one. Its length is known before its first byte, so that a client
/// knows a part from the whole.
void HttpApi::sendBackup(Door door, base::HttpRequest& request, base::HttpResponse& response) {
  access_.require(authenticate(door, request), Action::administer);
  if (request.getMethod() != "GET")
    throw base::Error(base::Errc::invalidArgument, "a backup is fetched by GET");
  const DisconnectWatch watch(request);
  const std::string& uri = request.getURI();
  const auto backup = uri.starts_with(kBackupPath) ? backups_.take(uri.substr(kBackupPath.size()))
                                                   : backups_.begin(watch.token());
  response.setContentType("application/x-tar");
  response.set("Cache-Control", "no-store");
  response.setContentLength64(static_cast<Poco::Int64>(backup->summary().sizeBytes));
  StreamSink out(response.send());
  backup->writeTo(out, watch.token());
}

/// For Prometheus, which asks from this machine or with a token.
void HttpApi::sendMetrics(Door door, base::HttpRequest& request, base::HttpResponse& response) {
  if (!registry::isFromLoopback(request)) access_.require(authenticate(door, request), Action::readServer);
  base::sendBody(request, response, 200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text());
}

}  // namespace controller
