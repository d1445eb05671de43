#include "base/http.h"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <future>
#include <latch>
#include <memory>
#include <ostream>
#include <thread>

#include "base/log.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing_support::TempFolder;

using Handle = std::function<void(HttpRequest&, HttpResponse&)>;

/// A connection that speaks bytes, so that the tests see what is on the wire.
class Wire {
 public:
  explicit Wire(const HttpServer& server) : socket_(Poco::Net::SocketAddress(server.address())) {
    socket_.setReceiveTimeout(Poco::Timespan(20, 0));
  }

  Wire& send(std::string_view text) {
    while (!text.empty())
      text.remove_prefix(
          static_cast<std::size_t>(socket_.sendBytes(text.data(), static_cast<int>(text.size()))));
    return *this;
  }
  /// What comes until the server closes.
  std::string rest() {
    std::string text = std::move(seen_);
    char buffer[65536];
    try {
      while (const int count = socket_.receiveBytes(buffer, sizeof buffer))
        text.append(buffer, static_cast<std::size_t>(count));
    } catch (const Poco::Exception&) {
      text += "<reset>";
    }
    return text;
  }
  /// What comes up to and including the mark.
  std::string until(std::string_view mark) {
    char buffer[4096];
    std::size_t at;
    while ((at = seen_.find(mark)) == std::string::npos) {
      const int count = socket_.receiveBytes(buffer, sizeof buffer);
      if (count == 0) return std::exchange(seen_, "") + "<closed>";
      seen_.append(buffer, static_cast<std::size_t>(count));
    }
    std::string text = seen_.substr(0, at + mark.size());
    seen_.erase(0, text.size());
    return text;
  }
  void close() { socket_.close(); }
  void sendNoMore() { socket_.shutdownSend(); }

 private:
  Poco::Net::StreamSocket socket_;
  std::string seen_;
};

std::unique_ptr<HttpServer> serve(Handle handle, HttpServerOptions options = {}) {
  return HttpServer::onTcp(
      listenTcp("127.0.0.1:0", "http_listen"), [handle](const HttpRequest&) { return makeHandler(handle); },
      options);
}

std::string request(const std::string& method, const std::string& headers = "",
                    const std::string& body = "") {
  return method + " /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

/// One request on a connection of its own.
std::string answerTo(const Handle& handle, const std::string& text) {
  const auto server = serve(handle);
  return Wire(*server).send(text).rest();
}

void echo(HttpRequest& request, HttpResponse& response) {
  sendBody(request, response, 200, "text/plain", "[" + readBody(request, 1000, "body_max_bytes") + "]");
}

TEST(HttpStatus, FollowsTheTable) {
  EXPECT_EQ(httpStatus(Errc::notFound), 404);
  EXPECT_EQ(httpStatus(Errc::alreadyExists), 409);
  EXPECT_EQ(httpStatus(Errc::invalidArgument), 422);
  EXPECT_EQ(httpStatus(Errc::unauthenticated), 401);
  EXPECT_EQ(httpStatus(Errc::permissionDenied), 403);
  EXPECT_EQ(httpStatus(Errc::conflict), 409);
  EXPECT_EQ(httpStatus(Errc::overloaded), 429);
  EXPECT_EQ(httpStatus(Errc::unavailable), 503);
  EXPECT_EQ(httpStatus(Errc::diskFull), 507);
  EXPECT_EQ(httpStatus(Errc::timedOut), 504);
  EXPECT_EQ(httpStatus(Errc::cancelled), 400);
  EXPECT_EQ(httpStatus(Errc::corrupt), 500);
  EXPECT_EQ(apiErrorId(Errc::notFound), "not_found");
  EXPECT_EQ(apiErrorId(Errc::overloaded), "rate_limit");
  EXPECT_EQ(apiErrorId(Errc::io), "internal_server_error");
}

TEST(HttpHandler, AnswersWithTheError) {
  const auto fail = [](HttpRequest&, HttpResponse& response) {
    response.set("ETag", "\"x\"");
    throw Error(Errc::notFound, "no app \"x\"");
  };
  const std::string answer = answerTo(fail, request("GET"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("ETag")));
  EXPECT_THAT(answer, EndsWith(R"({"id":"not_found","message":"no app \"x\""})"));
}

TEST(HttpHandler, KeepsOtherExceptionsToTheLog) {
  configureLogging("error");
  testing::internal::CaptureStderr();
  const auto fail = [](HttpRequest&, HttpResponse&) { throw std::runtime_error("secret detail"); };
  const std::string answer =
      answerTo(fail, "GET /x?token=t HTTP/1.1\r\nHost: h\r\nX-Request-Id: id-1\r\nConnection: close\r\n\r\n");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
  EXPECT_THAT(answer, HasSubstr("Request-Id: id-1\r\n"));
  EXPECT_THAT(log, HasSubstr("error http request failed method=GET path=/x request_id=id-1 code=internal"));
  EXPECT_THAT(log, HasSubstr("secret detail"));
  EXPECT_THAT(log, Not(HasSubstr("token")));
}

TEST(HttpHandler, ReplacesHarmfulRequestIds) {
  const std::string answer = answerTo(echo, request("GET", "X-Request-Id: a b\"c\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("a b")));
  EXPECT_THAT(answer, HasSubstr("Request-Id: "));
}

TEST(HttpHandler, CutsAnAnswerThatFailsHalfway) {
  const auto halfway = [](HttpRequest&, HttpResponse& response) {
    response.setChunkedTransferEncoding(true);
    response.send() << "half" << std::flush;
    throw Error(Errc::notFound, "gone");
  };
  const std::string answer = answerTo(halfway, request("GET"));
  EXPECT_THAT(answer, HasSubstr("half"));
  EXPECT_THAT(answer, Not(HasSubstr("\r\n0\r\n")));
  EXPECT_THAT(answer, Not(HasSubstr("gone")));
}

TEST(HttpHandler, RouterErrorsAreAnswersToo) {
  const auto server =
      HttpServer::onTcp(listenTcp("127.0.0.1:0", "http_listen"),
                        [](const HttpRequest&) -> std::unique_ptr<Poco::Net::HTTPRequestHandler> {
                          throw Error(Errc::permissionDenied, "not you");
                        });
  EXPECT_THAT(Wire(*server).send(request("GET")).rest(), StartsWith("HTTP/1.1 403 "));
}

TEST(SendBody, LeavesOutTheBodyOfHead) {
  const auto hello = [](HttpRequest& in, HttpResponse& out) {
    sendBody(in, out, 200, "text/plain", "hello");
  };
  const std::string answer = answerTo(hello, request("HEAD"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(SendBody, NoContentHasNoLength) {
  const auto nothing = [](HttpRequest& in, HttpResponse& out) { sendBody(in, out, 204, "text/plain", ""); };
  EXPECT_THAT(answerTo(nothing, request("DELETE")), Not(HasSubstr("Content-Length")));
}

TEST(ReadBody, ReadsAllKindsOfBodies) {
  EXPECT_THAT(answerTo(echo, request("POST", "Content-Length: 5\r\n", "hello")), EndsWith("[hello]"));
  EXPECT_THAT(
      answerTo(echo, request("PATCH", "Transfer-Encoding: chunked\r\n", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")),
      EndsWith("[hello]"));
  EXPECT_THAT(answerTo(echo, request("PUT", "Content-Length: 0\r\n")), EndsWith("[]"));
}

TEST(ReadBody, TakesChunksWithExtensionsAndTrailers) {
  const auto server = serve(echo);
  Wire wire(*server);
  wire.send(
      "POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\n"
      "Trailer: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nnext");
  EXPECT_THAT(wire.until("[hello]"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(wire.until("[next]"), HasSubstr("HTTP/1.1 200 "));
}

TEST(ReadBody, RefusesWhatIsNotChunked) {
  for (const char* body :
       {"hello", "x\r\nhello\r\n0\r\n\r\n", "-1\r\n", "5\nhello\r\n0\r\n\r\n", "2\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n", "\r\n\r\n", "fffffffffffffffff\r\n"}) {
    const auto server = serve(echo);
    Wire wire(*server);
    wire.send(request("POST", "Transfer-Encoding: chunked\r\n", body)).sendNoMore();
    const std::string answer = wire.rest();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << body;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << body;
  }
}

TEST(ReadBody, PostWithoutLengthIsEmpty) {
  EXPECT_THAT(answerTo(echo, request("POST")), EndsWith("[]"));
}

TEST(ReadBody, NamesTheSettingWhenTooLong) {
  const std::string body(1001, 'x');
  const std::string answer = answerTo(echo, request("POST", "Content-Length: 1001\r\n", body));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 422 "));
  EXPECT_THAT(answer, HasSubstr("longer than 1000 bytes (body_max_bytes)"));
}

TEST(ReadBody, NoticesABodyThatIsCutOff) {
  for (const auto& text : {request("POST", "Content-Length: 9\r\n", "hello"),
                           request("POST", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")}) {
    const auto server = serve(echo);
    Wire wire(*server);
    wire.send(text).sendNoMore();
    EXPECT_THAT(wire.rest(), StartsWith("HTTP/1.1 400 ")) << text;
  }
}

/// Says how much it got, as soon as it got it.
void echoPieces(HttpRequest& request, HttpResponse& response) {
  RequestBody body(request);
  response.setChunkedTransferEncoding(true);
  auto& out = response.send();
  char buffer[100];
  while (const std::size_t count = body.readSome(buffer, sizeof buffer))
    out << '[' << std::string_view(buffer, count) << ']' << std::flush;
  out << "end" << std::flush;
}

TEST(RequestBody, GivesWhatIsThereBeforeTheRestHasCome) {
  const auto server = serve(echoPieces);
  Wire chunks(*server);
  chunks.send(request("POST", "Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(chunks.send("3\r\nkey\r\n").until("]"), EndsWith("[key]"));
  EXPECT_THAT(chunks.send("4\r\nkeys\r\n").until("]"), EndsWith("[keys]"));
  EXPECT_THAT(chunks.send("0\r\n\r\n").rest(), HasSubstr("end"));
  Wire counted(*server);
  counted.send(request("POST", "Content-Length: 6\r\n"));
  EXPECT_THAT(counted.send("two").until("]"), EndsWith("[two]"));
  EXPECT_THAT(counted.send("six").rest(), AllOf(HasSubstr("[six]"), HasSubstr("end")));
}

TEST(RequestBody, NoticesACutOffWhenReadBitByBit) {
  const auto server = serve(echoPieces);
  Wire wire(*server);
  wire.send(request("POST", "Content-Length: 9\r\n", "hello")).until("[hello]");
  wire.sendNoMore();
  EXPECT_THAT(wire.rest(), Not(HasSubstr("end")));
}

TEST(HttpServer, KeepsConnectionsAliveAndInStep) {
  const auto ignore = [](HttpRequest& in, HttpResponse& out) {
    sendBody(in, out, 200, "text/plain", "ok" + in.getURI());
  };
  const auto server = serve(ignore);
  Wire wire(*server);
  // The unread body must not be taken for the next request.
  wire.send(
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 36\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n  ");
  EXPECT_THAT(wire.until("ok/1"), StartsWith("HTTP/1.1 200 "));
  wire.send(
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /3 "
      "HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(wire.until("ok/2"), Not(HasSubstr("smuggled")));
  EXPECT_THAT(wire.until("ok/3"), Not(HasSubstr("closed")));
}

TEST(HttpServer, SendsContinueWhenAsked) {
  const auto server = serve(echo);
  Wire wire(*server);
  wire.send(request("PUT", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  EXPECT_THAT(wire.until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
  EXPECT_THAT(wire.send("hello").rest(), EndsWith("[hello]"));
}

TEST(HttpServer, RefusesBeforeTheBodyIsSent) {
  const auto server =
      serve([](HttpRequest& in, HttpResponse& out) { sendBody(in, out, 403, "text/plain", "no"); });
  Wire wire(*server);
  wire.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  const std::string answer = wire.rest();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("Connection: Close"));
}

TEST(HttpServer, RefusesWhatIsNoRequest) {
  for (const char* text :
       {"\r\n\r\n", "x\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    const auto server = serve(echo);
    Wire wire(*server);
    wire.send(text).sendNoMore();
    EXPECT_THAT(wire.rest(), testing::AnyOf("", StartsWith("HTTP/1.1 400 "))) << text;
  }
  const std::string longLine = "GET /" + std::string(1 << 20, 'x');
  const auto server = serve(echo);
  Wire wire(*server);
  try {
    wire.send(longLine);
  } catch (const Poco::Exception&) {
    // The server may have hung up already.
  }
  EXPECT_THAT(wire.rest(), testing::AnyOf(HasSubstr("HTTP/1.1 431 "), HasSubstr("reset")));
}

TEST(HttpServer, ServesManyAtOnce) {
  std::latch together(8);
  const auto server = serve([&](HttpRequest& in, HttpResponse& out) {
    together.arrive_and_wait();
    sendBody(in, out, 200, "text/plain", "ok");
  });
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(
        std::async(std::launch::async, [&] { return Wire(*server).send(request("GET")).rest(); }));
  }
  for (auto& answer : answers)
    EXPECT_THAT(answer.get(), EndsWith("ok"));
}

constexpr const char* kPlainGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(HttpServer, KeepsMoreConnectionsAliveThanItHasThreads) {
  const auto server = serve(echo, {.maxThreads = 2});
  std::vector<std::unique_ptr<Wire>> open;
  for (int i = 0; i < 16; ++i) {
    open.push_back(std::make_unique<Wire>(*server));
    EXPECT_THAT(open.back()->send(kPlainGet).until("[]"), HasSubstr("Keep-Alive"));
  }
  for (const auto& each : open)
    EXPECT_THAT(each->send(kPlainGet).until("[]"), HasSubstr("200 OK"));
}

TEST(HttpServer, SilentAndSlowClientsHaveNoThread) {
  const auto server = serve(echo, {.maxThreads = 1});
  std::vector<std::unique_ptr<Wire>> open;
  for (int i = 0; i < 16; ++i) {
    open.push_back(std::make_unique<Wire>(*server));
    if (i % 4 == 0) open.back()->send("GET / HT");
  }
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(Wire(*server).send(request("GET")).rest(), HasSubstr("200 OK"));
  // They were not forgotten.
  EXPECT_THAT(open[4]->send("TP/1.1\r\nHost: h\r\n\r\n").until("[]"), HasSubstr("200 OK"));
  EXPECT_THAT(open[5]->send(kPlainGet).until("[]"), HasSubstr("200 OK"));
}

TEST(HttpServer, TakesAHeadThatComesByteByByte) {
  const TempFolder folder;
  const auto handler = [](const HttpRequest&) { return makeHandler(echo); };
  const auto local = HttpServer::onUnix(folder / "s.sock", handler);
  const auto remote = serve(echo);
  for (const auto* server : {local.get(), remote.get()}) {
    Wire wire(*server);
    for (const char each : request("POST", "Content-Length: 2\r\n", "hi"))
      wire.send({&each, 1});
    EXPECT_THAT(wire.rest(), EndsWith("[hi]"));
  }
}

TEST(HttpServer, RefusesAHeadThatIsTooLong) {
  const auto server = serve(echo);
  Wire wire(*server);
  wire.send("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 33; ++i)
    wire.send("X-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n");
  EXPECT_THAT(wire.rest(), testing::AllOf(StartsWith("HTTP/1.1 431 "), HasSubstr("longer than 32768 bytes")));
}

TEST(HttpServer, AnswersWhoFindsNoThread) {
  std::promise<void> inside;
  std::promise<void> go;
  const auto server = serve(
      [&](HttpRequest& in, HttpResponse& out) {
        if (in.getURI() == "/wait") {
          inside.set_value();
          go.get_future().wait();
        }
        sendBody(in, out, 200, "text/plain", "served");
      },
      {.maxThreads = 1, .maxQueued = 1});
  Wire busy(*server);
  busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  inside.get_future().wait();
  Wire first(*server);
  Wire second(*server);
  first.send(request("GET"));
  second.send(request("GET"));
  // One of them waits, the other is told.
  auto told = std::async(std::launch::async, [&] { return second.rest(); });
  auto toldToo = std::async(std::launch::async, [&] { return first.rest(); });
  while (told.wait_for(1ms) != std::future_status::ready &&
         toldToo.wait_for(1ms) != std::future_status::ready) {
  }
  go.set_value();
  EXPECT_THAT((std::vector{told.get(), toldToo.get()}),
              testing::UnorderedElementsAre(
                  testing::AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("try again in a moment")),
                  EndsWith("served")));
  EXPECT_THAT(busy.until("served"), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServer, TheOneWhoseTimeEndsFirstMakesRoom) {
  const auto server = serve(echo, {.maxWaiting = 2});
  Wire first(*server);
  Wire second(*server);
  Wire third(*server);
  EXPECT_EQ(first.rest(), "");
  EXPECT_THAT(second.send(kPlainGet).until("[]"), HasSubstr("200 OK"));
  EXPECT_THAT(third.send(kPlainGet).until("[]"), HasSubstr("200 OK"));
}

TEST(HttpServer, StopLetsHandlersFinish) {
  std::promise<void> inside;
  std::promise<void> go;
  const auto server = serve([&](HttpRequest& in, HttpResponse& out) {
    inside.set_value();
    go.get_future().wait();
    sendBody(in, out, 200, "text/plain", "finished");
  });
  Wire idle(*server);
  Wire busy(*server);
  busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  inside.get_future().wait();
  std::jthread stopper([&] { server->stop(20s); });
  EXPECT_EQ(idle.rest(), "");
  go.set_value();
  EXPECT_THAT(busy.rest(), EndsWith("finished"));
  stopper.join();
  EXPECT_THROW(Wire{*server}, Poco::Exception);
}

TEST(HttpServer, StopCutsConnectionsAfterTheGrace) {
  std::promise<void> inside;
  const auto server = serve([&](HttpRequest& in, HttpResponse&) {
    inside.set_value();
    readBody(in, 1000, "x");  // waits for bytes that never come
  });
  Wire wire(*server);
  wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
  inside.get_future().wait();
  server->stop(1ms);
  EXPECT_THAT(wire.rest(), testing::AnyOf("", HasSubstr("reset"), HasSubstr("400")));
}

TEST(HttpServer, TellsThePortItGot) {
  const auto server = serve(echo);
  EXPECT_THAT(server->address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(server->address(), Not(EndsWith(":0")));
}

TEST(HttpServer, ServesAUnixSocketForItsOwnerOnly) {
  const TempFolder folder;
  const auto file = folder / "s.sock";
  const auto start = [&] {
    return HttpServer::onUnix(file, [](const HttpRequest&) { return makeHandler(echo); });
  };
  {
    const auto server = start();
    struct stat info {};
    ASSERT_EQ(::lstat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    EXPECT_THAT(Wire(*server).send(request("POST", "Content-Length: 2\r\n", "hi")).rest(), EndsWith("[hi]"));
    EXPECT_THROW(start(), Error);  // in use
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(HttpServer, ReplacesAStaleSocketButNothingElse) {
  const TempFolder folder;
  const auto stale = folder / "stale.sock";
  {
    Poco::Net::StreamSocket left;  // bound once, served no more
    left.impl()->bind(Poco::Net::SocketAddress(Poco::Net::SocketAddress::UNIX_LOCAL, stale.string()), false,
                      false);
  }
  ASSERT_TRUE(std::filesystem::is_socket(stale));
  const auto router = [](const HttpRequest&) { return makeHandler(echo); };
  const auto server = HttpServer::onUnix(stale, router);
  EXPECT_THAT(Wire(*server).send(request("GET")).rest(), EndsWith("[]"));
  EXPECT_THROW(HttpServer::onUnix(folder.write("file", "precious"), router), Error);
  EXPECT_EQ(folder.read("file"), "precious");
}

/// The answers for ten bytes, 0123456789, with the tag "tag".
void expectConditionsFollowed(const std::function<void(HttpRequest&, HttpResponse&)>& handler) {
  const auto server = serve(handler);
  struct Case {
    std::string method;
    std::string headers;
    std::string status;
    std::string body;
    std::string header;
  };
  const std::vector<Case> cases = {
      {"GET", "", "200", "0123456789", "Content-Length: 10"},
      {"HEAD", "", "200", "", "Content-Length: 10"},
      {"GET", "Range: bytes=2-4\r\n", "206", "234", "Content-Range: bytes 2-4/10"},
      {"GET", "Range: bytes=-3\r\n", "206", "789", "Content-Range: bytes 7-9/10"},
      {"GET", "Range: bytes=0-1,4-5\r\n", "200", "0123456789", "Accept-Ranges: bytes"},
      {"GET", "Range: bytes=10-\r\n", "416", "", "Content-Range: bytes */10"},
      {"HEAD", "Range: bytes=2-4\r\n", "200", "", "Content-Length: 10"},
      {"GET", "If-None-Match: \"tag\"\r\n", "304", "", "ETag: \"tag\""},
      {"GET", "If-None-Match: \"a\", W/\"tag\"\r\n", "304", "", "ETag: \"tag\""},
      {"HEAD", "If-None-Match: *\r\n", "304", "", "ETag: \"tag\""},
      {"GET", "If-None-Match: \"other\"\r\n", "200", "0123456789", "Content-Type: text/plain"},
      {"GET", "Range: bytes=1-1\r\nIf-Range: \"tag\"\r\n", "206", "1", "Content-Length: 1"},
      {"GET", "Range: bytes=1-1\r\nIf-Range: \"old\"\r\n", "200", "0123456789", "Content-Length: 10"},
  };
  for (const auto& [method, headers, status, body, header] : cases) {
    const std::string answer = Wire(*server).send(request(method, headers)).rest();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status)) << method << " " << headers;
    EXPECT_THAT(answer, HasSubstr(header + "\r\n")) << method << " " << headers;
    EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), body) << method << " " << headers;
  }
}

TEST(SendFile, FollowsTheConditions) {
  const TempFolder folder;
  const auto file = folder.write("f", "0123456789");
  expectConditionsFollowed(
      [&](HttpRequest& in, HttpResponse& out) { sendFile(in, out, file, "text/plain", "tag"); });
}

/// A file that says what was asked of it, and may refuse to end.
class WatchedFile : public ServedFile {
 public:
  struct Watch {
    bool wants = false;
    bool refuses = false;
    std::string seen;
  };
  WatchedFile(const std::filesystem::path& path, std::shared_ptr<Watch> watch)
      : content_(readFile(path)), fd_(openFile(path, O_RDONLY)), watch_(std::move(watch)) {}
  const Fd& fd() const override { return fd_; }
  std::uint64_t sizeBytes() const override { return content_.size(); }
  bool wantsToSee() override { return watch_->wants; }
  void read(char* buffer, std::size_t count, std::uint64_t offset) override {
    content_.copy(buffer, count, offset);
    watch_->seen.append(content_, offset, count);
  }
  void allowEnd() override {
    if (watch_->refuses) throw Error(Errc::notFound, "it is wrong");
  }

 private:
  std::string content_;
  Fd fd_;
  std::shared_ptr<Watch> watch_;  // the test's and its file's
};

std::vector<std::unique_ptr<ServedFile>> oneFile(const std::filesystem::path& path,
                                                 const std::shared_ptr<WatchedFile::Watch>& watch) {
  std::vector<std::unique_ptr<ServedFile>> files;
  files.push_back(std::make_unique<WatchedFile>(path, watch));
  return files;
}

TEST(SendFile, SendsSeveralAsIfTheyWereOne) {
  const TempFolder folder;
  const std::vector<std::filesystem::path> paths = {folder.write("e", ""), folder.write("a", "012"),
                                                    folder.write("b", ""), folder.write("c", "3"),
                                                    folder.write("d", "456789")};
  expectConditionsFollowed([&](HttpRequest& in, HttpResponse& out) {
    std::vector<std::unique_ptr<ServedFile>> files;
    for (const auto& path : paths)
      files.push_back(std::make_unique<WatchedFile>(path, std::make_shared<WatchedFile::Watch>()));
    sendFiles(in, out, files, "text/plain", "tag");
  });
}

TEST(SendFile, ShowsAllOfItToWhoWantsToSee) {
  const TempFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1000}, std::size_t{1} << 20}) {
    const std::string text(size, 'x');
    const auto file = folder.write("f", text);
    const auto watch = std::make_shared<WatchedFile::Watch>();
    watch->wants = true;
    const auto server = serve(
        [&](HttpRequest& in, HttpResponse& out) { sendFiles(in, out, oneFile(file, watch), "a/b", "t"); });
    const std::string answer = Wire(*server).send(request("GET")).rest();
    EXPECT_TRUE(answer.substr(answer.find("\r\n\r\n") + 4) == text) << size;
    EXPECT_TRUE(watch->seen == text) << size;
  }
}

// A client that counts never takes a file for whole that its watcher does not let go.
TEST(SendFile, KeepsBackTheEndOfWhatIsRefused) {
  const TempFolder folder;
  constexpr std::size_t kSize = 10 << 20;  // some of it goes past us
  const auto file = folder.write("f", std::string(kSize, 'x'));
  for (const bool wants : {false, true}) {
    for (const char* headers : {"", "Range: bytes=5-9000000\r\n"}) {
      const auto watch = std::make_shared<WatchedFile::Watch>();
      watch->wants = wants;
      watch->refuses = true;
      const std::string answer = answerTo(
          [&](HttpRequest& in, HttpResponse& out) { sendFiles(in, out, oneFile(file, watch), "a/b", "t"); },
          request("GET", headers));
      const std::size_t announced = *headers == 0 ? kSize : 8'999'996;
      EXPECT_THAT(answer, HasSubstr("Content-Length: " + std::to_string(announced) + "\r\n"));
      EXPECT_LT(answer.size() - answer.find("\r\n\r\n") - 4, announced) << wants << headers;
    }
  }
}

TEST(SendFile, AnswersWithAnErrorWhenASmallPartIsRefused) {
  const TempFolder folder;
  const auto file = folder.write("f", std::string(1 << 20, 'x'));
  for (const char* path : {"", "Range: bytes=5-90\r\n"}) {
    const auto watch = std::make_shared<WatchedFile::Watch>();
    watch->refuses = true;
    const auto small = *path == 0 ? folder.write("s", "small") : file;
    const std::string answer = answerTo(
        [&](HttpRequest& in, HttpResponse& out) { sendFiles(in, out, oneFile(small, watch), "a/b", "t"); },
        request("GET", path));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 ")) << path;
    EXPECT_THAT(answer, Not(HasSubstr("Content-Range"))) << path;
  }
}

TEST(SendFile, SendsLargeFilesWhole) {
  const TempFolder folder;
  std::string text(3 << 20, ' ');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(i * 31 >> 7);
  const auto file = folder.write("f", text);
  const std::string answer = answerTo(
      [&](HttpRequest& in, HttpResponse& out) { sendFile(in, out, file, "a/b", "t"); }, request("GET"));
  EXPECT_TRUE(answer.substr(answer.find("\r\n\r\n") + 4) == text);
}

TEST(SendFile, KeepsTheHeadersOfTheHandlerAndTheConnection) {
  const TempFolder folder;
  const auto file = folder.write("f", "body");
  const auto server = serve([&](HttpRequest& in, HttpResponse& out) {
    out.setContentType("application/x");
    sendFile(in, out, file, "text/plain", "t");
  });
  Wire wire(*server);
  EXPECT_THAT(wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").until("body"),
              HasSubstr("Content-Type: application/x\r\n"));
  EXPECT_THAT(wire.send(request("GET")).rest(), EndsWith("body"));
}

TEST(SendFile, MissingFileIsNotFound) {
  const auto missing = [](HttpRequest& in, HttpResponse& out) {
    sendFile(in, out, "/no/such/file", "a/b", "t");
  };
  EXPECT_THAT(answerTo(missing, request("GET")), StartsWith("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace base
