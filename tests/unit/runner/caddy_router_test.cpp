#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/StreamCopier.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <future>
#include <map>
#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "base/http.h"
#include "base/log.h"
#include "base/strings.h"
#include "runner/detail/caddy_access_log.h"
#include "runner/detail/route_files.h"
#include "runner/router.h"
#include "runner/router_program.h"
#include "sandbox/host_programs.h"
#include "tests/support/temp_folder.h"

namespace runner {
namespace {

namespace net = Poco::Net;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Answer {
  int status = 0;
  std::string body;
  std::string type;
};

/// A web process: answers its name, with what Caddy told about the client.
std::unique_ptr<base::HttpServer> backendNamed(const std::string& name) {
  return base::HttpServer::onTcp(
      base::listenTcp("127.0.0.1:0", "http_listen"), [name](const base::HttpRequest&) {
        return base::makeHandler([name](base::HttpRequest& request, base::HttpResponse& response) {
          base::sendBody(request, response, 200, "text/plain",
                         name + " " + request.getHost() + " " + request.get("X-Forwarded-Proto", "?"));
        });
      });
}

class CaddyRouterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!base::findProgram("caddy")) GTEST_SKIP() << "caddy is not installed";
    config_ = {.listen = "127.0.0.1:0", .folder = folder_ / "router"};
    router_ = make(config_);
  }
  void TearDown() override {
    if (router_) router_->stop();
  }

  /// With a table of programs that has this router, too.
  std::unique_ptr<Router> make(const CaddyConfig& config) {
    programs_.push_back(sandbox::makeHostPrograms([config](const std::string& name) {
      if (name != kRouterProgram) throw base::Error(base::Errc::notFound, "no program " + name);
      return routerProgram(config, nullptr);
    }));
    return makeCaddyRouter(config, *programs_.back());
  }

  pid_t caddyPid() const { return static_cast<pid_t>(std::stol(folder_.read("router/caddy.pid"))); }

  static bool hasEnded(const base::Fd& process, int waitMs) {
    pollfd entry{process.get(), POLLIN, 0};
    return ::poll(&entry, 1, waitMs) > 0;
  }

  void killCaddy() const {
    const base::Fd process = base::openPidFd(caddyPid());
    ::kill(caddyPid(), SIGKILL);
    EXPECT_TRUE(hasEnded(process, 10'000));
  }

  static Answer get(net::HTTPClientSession& session, const std::string& host) {
    net::HTTPRequest request(net::HTTPRequest::HTTP_GET, "/", net::HTTPMessage::HTTP_1_1);
    request.setHost(host);
    session.sendRequest(request);
    net::HTTPResponse response;
    std::istream& body = session.receiveResponse(response);
    Answer answer{static_cast<int>(response.getStatus()), "", response.getContentType()};
    Poco::StreamCopier::copyToString(body, answer.body);
    return answer;
  }
  Answer get(const std::string& host) const {
    net::HTTPClientSession session{net::SocketAddress(router_->address())};
    return get(session, host);
  }

  struct Response {
    net::HTTPResponse head;
    std::string body;
  };
  Response ask(const std::string& host, const std::map<std::string, std::string>& headers) const {
    net::HTTPClientSession session{net::SocketAddress(router_->address())};
    net::HTTPRequest request(net::HTTPRequest::HTTP_GET, "/", net::HTTPMessage::HTTP_1_1);
    request.setHost(host);
    for (const auto& [name, value] : headers)
      request.set(name, value);
    session.sendRequest(request);
    Response response;
    Poco::StreamCopier::copyToString(session.receiveResponse(response.head), response.body);
    return response;
  }

  testing_support::TempFolder folder_;
  CaddyConfig config_;
  std::vector<std::unique_ptr<sandbox::HostPrograms>> programs_;
  std::unique_ptr<Router> router_;
};

TEST_F(CaddyRouterTest, PassesRequestsByHost) {
  const auto one = backendNamed("one");
  const auto two = backendNamed("two");
  router_->apply(
      {{{"one.localhost", "www.example.com"}, {one->address()}}, {{"two.localhost"}, {two->address()}}});
  EXPECT_EQ(get("one.localhost").body, "one one.localhost http");
  EXPECT_EQ(get("www.example.com").body, "one www.example.com http");
  EXPECT_EQ(get("Two.LocalHost:8080").body, "two two.localhost:8080 http");
  router_->apply({{{"one.localhost"}, {two->address()}}});
  EXPECT_EQ(get("one.localhost").body, "two one.localhost http");
  EXPECT_EQ(get("two.localhost").status, 404);
}

TEST_F(CaddyRouterTest, SpreadsRequestsOverAllBackends) {
  std::vector<std::unique_ptr<base::HttpServer>> backends;
  Route route{{"many.localhost"}, {}};
  for (int i = 0; i < 5; ++i) {
    backends.push_back(backendNamed("backend" + std::to_string(i)));
    route.backends.push_back(backends.back()->address());
  }
  router_->apply({route});
  std::map<std::string, int> counts;
  for (int i = 0; i < 500; ++i)
    ++counts[get("many.localhost").body];
  EXPECT_EQ(counts.size(), 5u);
  for (const auto& [name, count] : counts)
    EXPECT_GT(count, 50) << name;
}

TEST_F(CaddyRouterTest, TellsWhyThereIsNoAnswer) {
  router_->apply({{{"idle.localhost"}, {}}});
  const Answer idle = get("idle.localhost");
  EXPECT_EQ(idle.status, 503);
  EXPECT_EQ(idle.body, "no web process is running: fairlead ps:scale web=1 -a idle\n");
  EXPECT_THAT(idle.type, HasSubstr("text/plain"));
  const Answer unknown = get("unknown.localhost");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body, "no such app: nothing is deployed at this address\n");
  EXPECT_EQ(get("..").status, 404);
  EXPECT_EQ(get(std::string(5000, 'x')).status, 404);
}

TEST_F(CaddyRouterTest, SaysWhatAnAppIsWaitingFor) {
  router_->apply({{{"starting.localhost"}, {}, Route::State::starting},
                  {{"crashed.localhost"}, {}, Route::State::crashed},
                  {{"away.localhost"}, {"127.0.0.1:1"}, Route::State::maintenance}});
  const Response starting = ask("starting.localhost", {});
  EXPECT_EQ(starting.head.getStatus(), 503);
  EXPECT_EQ(starting.head.get("Retry-After", ""), "5");
  EXPECT_EQ(starting.body, "the app is starting: try again in a few seconds\n");
  const Response crashed = ask("crashed.localhost", {});
  EXPECT_EQ(crashed.head.getStatus(), 503);
  EXPECT_EQ(crashed.head.get("Retry-After", ""), "10");
  EXPECT_THAT(crashed.body, HasSubstr("fairlead logs -a crashed"));
  const Response away = ask("away.localhost", {});
  EXPECT_EQ(away.head.getStatus(), 503);
  EXPECT_EQ(away.body, "down for maintenance: try again in a while\n");
}

TEST_F(CaddyRouterTest, BrowsersGetPages) {
  router_->apply({{{"idle.localhost"}, {}}});
  const std::string browser = "text/html,application/xhtml+xml,*/*;q=0.8";
  for (const auto& [host, title] :
       {std::pair{"idle.localhost", "Nothing is running"}, std::pair{"other.localhost", "No such app"}}) {
    const Response page = ask(host, {{"Accept", browser}});
    EXPECT_EQ(page.head.getContentType(), "text/html; charset=utf-8") << host;
    EXPECT_THAT(page.body, HasSubstr(std::string("<h1>") + title + "</h1>"));
    EXPECT_THAT(page.body, Not(HasSubstr("{")));  // no placeholder was left
    EXPECT_THAT(ask(host, {{"Accept", "application/json"}}).head.getContentType(), HasSubstr("text/plain"));
  }
  EXPECT_THAT(ask("idle.localhost", {{"Accept", browser}}).body,
              HasSubstr("<pre>fairlead ps:scale web=1 -a idle</pre>"));
}

TEST_F(CaddyRouterTest, RequestsHaveAnIdThatTheClientMayChoose) {
  const auto backend =
      base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "http_listen"), [](const base::HttpRequest&) {
        return base::makeHandler([](base::HttpRequest& request, base::HttpResponse& response) {
          response.set("X-Request-Id", "from-the-process");
          base::sendBody(request, response, 200, "text/plain",
                         request.get("X-Request-Id", "?") + " " + request.get("X-Forwarded-Port", "?"));
        });
      });
  router_->apply({{{"app.localhost"}, {backend->address()}}});
  const std::string port = " " + router_->address().substr(router_->address().rfind(':') + 1);
  const std::string chosen(20, 'a');
  const Response kept = ask("app.localhost", {{"X-Request-Id", chosen}});
  EXPECT_EQ(kept.body, chosen + port);
  EXPECT_EQ(kept.head.get("X-Request-Id", ""), chosen);
  for (const std::string& unfit :
       {std::string(), std::string(19, 'a'), std::string(201, 'a'), chosen + " b", chosen + "\"x"}) {
    const Response made = ask("app.localhost", {{"X-Request-Id", unfit}, {"X-Forwarded-Port", "1"}});
    const std::string id = made.head.get("X-Request-Id", "");
    EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f-]{36}")) << unfit;
    EXPECT_EQ(made.body, id + port);
  }
  EXPECT_EQ(ask("nobody.localhost", {{"X-Request-Id", chosen}}).head.get("X-Request-Id", ""), chosen);
}

TEST_F(CaddyRouterTest, AnAppIsAskedForWhatItsClientTakes) {
  const auto backend =
      base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "http_listen"), [](const base::HttpRequest&) {
        return base::makeHandler([](base::HttpRequest& request, base::HttpResponse& response) {
          base::sendBody(request, response, 200, "text/plain", request.get("Accept-Encoding", "none"));
        });
      });
  router_->apply({{{"app.localhost"}, {backend->address()}}});
  EXPECT_EQ(ask("app.localhost", {}).body, "none");
  EXPECT_EQ(ask("app.localhost", {{"Accept-Encoding", "br"}}).body, "br");
}

TEST_F(CaddyRouterTest, WritesDownEachRequestWithoutItsHeaders) {
  const auto backend = backendNamed("one");
  auto down = backendNamed("down");
  const std::string downAddress = down->address();
  down.reset();
  router_->apply({{{"app.localhost"}, {backend->address()}},
                  {{"down.localhost"}, {downAddress}},
                  {{"idle.localhost"}, {}}});
  const std::string chosen(20, 'a');
  ask("App.localhost", {{"X-Request-Id", chosen}, {"X-Forwarded-For", "192.0.2.7, 192.0.2.8"}});
  const std::string made = ask("app.localhost", {{"Cookie", "secret"}}).head.get("X-Request-Id", "");
  EXPECT_EQ(ask("down.localhost", {}).head.getStatus(), 502);
  EXPECT_EQ(ask("idle.localhost", {}).head.getStatus(), 503);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::vector<std::string> texts;  // a line is written when its answer has gone out
  while (texts.size() < 4 && std::chrono::steady_clock::now() < deadline)
    texts = base::split(base::trim(folder_.read("router/caddy/access.log")), '\n');
  ASSERT_EQ(texts.size(), 4u);
  std::vector<detail::AccessLine> lines;
  for (const std::string& text : texts) {
    EXPECT_THAT(text, Not(HasSubstr("secret")));
    EXPECT_LT(text.size(), 400u);
    const auto line = detail::parseAccessLine(text);
    ASSERT_TRUE(line) << text;
    lines.push_back(*line);
  }
  EXPECT_EQ(lines[0].host, "App.localhost");
  EXPECT_EQ(lines[0].requestId, chosen);
  EXPECT_EQ(lines[0].forwarded, "192.0.2.7, 192.0.2.8");
  EXPECT_EQ(lines[1].requestId, made);
  EXPECT_EQ(lines[1].forwarded, "");
  EXPECT_EQ(lines[2].status, 502);
  EXPECT_EQ(lines[3].status, 503);
  EXPECT_THAT(lines[3].requestId, testing::MatchesRegex("[0-9a-f-]{36}"));
}

TEST_F(CaddyRouterTest, ServesTheRoutesOfAnEarlierVersionUntilItHasItsOwn) {
  const auto backend = backendNamed("one");
  for (const char slot : std::string("0123456789abcdef")) {
    const std::string name = std::string("router/sets/old/") + slot + "-";
    const std::string address = backend->address();
    folder_.write(name + address + "," + address + "," + address, "");
    folder_.write(std::string("router/sets/idle/") + slot + "-none-idle", "");
  }
  for (const char* host : {"app.localhost", "_wildcard.example.com"})
    std::filesystem::create_symlink("../sets/old", folder_ / "router/live" / host);
  std::filesystem::create_symlink("../sets/idle", folder_ / "router/live/idle.localhost");
  EXPECT_EQ(get("app.localhost").body, "one app.localhost http");
  EXPECT_EQ(get("a.example.com").body, "one a.example.com http");
  EXPECT_EQ(get("idle.localhost").body, "no web process is running: fairlead ps:scale web=1 -a idle\n");
  const auto two = backendNamed("two");
  router_->apply({{{"app.localhost"}, {two->address()}}});
  EXPECT_EQ(get("app.localhost").body, "two app.localhost http");
  EXPECT_EQ(get("idle.localhost").status, 404);
}

TEST_F(CaddyRouterTest, PassesOverABackendThatIsDown) {
  const auto up = backendNamed("up");
  auto down = backendNamed("down");
  const std::string downAddress = down->address();
  down.reset();
  router_->apply({{{"half.localhost"}, {downAddress, up->address()}}});
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(get("half.localhost").status, 200);
}

TEST_F(CaddyRouterTest, WaitingRequestFindsTheNewBackend) {
  auto old = backendNamed("old");
  const std::string oldAddress = old->address();
  old.reset();
  router_->apply({{{"app.localhost"}, {oldAddress}}});
  auto waiting = std::async(std::launch::async, [&] { return get("app.localhost"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto fresh = backendNamed("fresh");
  router_->apply({{{"app.localhost"}, {fresh->address()}}});
  EXPECT_EQ(waiting.get().body, "fresh app.localhost http");
}

TEST_F(CaddyRouterTest, StreamsWithoutWaitingForTheEnd) {
  std::promise<void> seen;
  const auto backend =
      base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "http_listen"), [&](const base::HttpRequest&) {
        return base::makeHandler([&](base::HttpRequest&, base::HttpResponse& response) {
          response.setChunkedTransferEncoding(true);
          response.setContentType("text/event-stream");
          std::ostream& out = response.send();
          out << "data: first\n\n" << std::flush;
          seen.get_future().wait_for(std::chrono::seconds(10));
          out << "data: last\n\n" << std::flush;
        });
      });
  router_->apply({{{"app.localhost"}, {backend->address()}}});
  net::HTTPClientSession session{net::SocketAddress(router_->address())};
  net::HTTPRequest request(net::HTTPRequest::HTTP_GET, "/", net::HTTPMessage::HTTP_1_1);
  request.setHost("app.localhost");
  session.sendRequest(request);
  net::HTTPResponse response;
  std::istream& body = session.receiveResponse(response);
  std::string line;
  ASSERT_TRUE(std::getline(body, line));  // comes while the backend still waits for `seen`
  EXPECT_EQ(line, "data: first");
  seen.set_value();
  std::string rest;
  Poco::StreamCopier::copyToString(body, rest);
  EXPECT_EQ(rest, "\ndata: last\n\n");
}

/// Speaks as much of websockets as a proxy can see: 101, then an echo.
class EchoBackend {
 public:
  EchoBackend() : server_(net::SocketAddress("127.0.0.1", 0)), thread_([this] { serve(); }) {}
  std::string address() const { return server_.address().toString(); }

 private:
  void serve() {
    net::StreamSocket socket = server_.acceptConnection();
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      const int count = socket.receiveBytes(buffer, sizeof buffer);
      if (count <= 0) return;
      head.append(buffer, static_cast<std::size_t>(count));
    }
    const std::string answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    socket.sendBytes(answer.data(), static_cast<int>(answer.size()));
    for (int count; (count = socket.receiveBytes(buffer, sizeof buffer)) > 0;)
      socket.sendBytes(buffer, count);
  }
  net::ServerSocket server_;
  std::jthread thread_;
};

TEST_F(CaddyRouterTest, WebsocketsLiveThroughChanges) {
  EchoBackend echo;
  const auto other = backendNamed("other");
  router_->apply({{{"app.localhost"}, {echo.address()}}});
  net::StreamSocket socket{net::SocketAddress(router_->address())};
  socket.setReceiveTimeout(Poco::Timespan(10, 0));
  const std::string head =
      "GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  socket.sendBytes(head.data(), static_cast<int>(head.size()));
  char buffer[4096];
  const int count = socket.receiveBytes(buffer, sizeof buffer);
  ASSERT_THAT(std::string(buffer, static_cast<std::size_t>(std::max(count, 0))), HasSubstr("101 Switching"));
  for (int i = 0; i < 10; ++i) {
    router_->apply({{{"app.localhost"}, {i % 2 == 0 ? other->address() : echo.address()}},
                    {{"new" + std::to_string(i) + ".localhost"}, {}}});
    socket.sendBytes("ping", 4);
    ASSERT_EQ(socket.receiveBytes(buffer, sizeof buffer), 4) << i;
  }
}

TEST_F(CaddyRouterTest, NoRequestFailsWhileRoutesChange) {
  const auto one = backendNamed("one");
  const auto two = backendNamed("two");
  const std::vector<std::vector<std::string>> choices{
      {one->address()}, {two->address()}, {one->address(), two->address()}};
  router_->apply({{{"app.localhost"}, choices[0]}});
  std::atomic<bool> over = false;
  std::atomic<int> good = 0, bad = 0;
  const auto client = [&](bool keepAlive) {
    auto session = std::make_unique<net::HTTPClientSession>(net::SocketAddress(router_->address()));
    while (!over) {
      try {
        if (!keepAlive)
          session = std::make_unique<net::HTTPClientSession>(net::SocketAddress(router_->address()));
        session->setKeepAlive(keepAlive);
        ++(get(*session, "app.localhost").status == 200 ? good : bad);
      } catch (const Poco::Exception&) {
        ++bad;
      }
    }
  };
  std::vector<std::jthread> clients;
  for (int i = 0; i < 6; ++i)
    clients.emplace_back(client, i % 2 == 0);
  for (int i = 0; i < 50; ++i) {
    router_->apply({{{"app.localhost"}, choices[static_cast<std::size_t>(i) % 3]}});
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
  }
  over = true;
  clients.clear();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 200);
  RecordProperty("requests", good);
}

TEST_F(CaddyRouterTest, NextDaemonAdoptsTheRunningOne) {
  const auto backend = backendNamed("one");
  router_->apply({{{"one.localhost"}, {backend->address()}}});
  const std::string address = router_->address();
  const pid_t pid = caddyPid();
  router_.reset();
  {
    net::HTTPClientSession session{net::SocketAddress(address)};
    EXPECT_EQ(get(session, "one.localhost").body, "one one.localhost http");
  }
  router_ = make(config_);
  EXPECT_EQ(router_->address(), address);
  EXPECT_EQ(caddyPid(), pid);
  EXPECT_EQ(get("one.localhost").body, "one one.localhost http");
  router_->apply({{{"two.localhost"}, {backend->address()}}});
  EXPECT_EQ(get("one.localhost").status, 404);
  EXPECT_EQ(get("two.localhost").status, 200);
  const base::Fd process = base::openPidFd(pid);
  EXPECT_FALSE(hasEnded(process, 0));
  router_->stop();
  EXPECT_TRUE(hasEnded(process, 0));
}

TEST_F(CaddyRouterTest, DeathIsNoticedWithoutAnybodyWhoAsks) {
  const auto backend = backendNamed("one");
  router_->apply({{{"one.localhost"}, {backend->address()}}});
  const pid_t before = caddyPid();
  killCaddy();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (caddyPid() == before && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_NE(caddyPid(), before);
  EXPECT_EQ(get("one.localhost").status, 200);
}

TEST_F(CaddyRouterTest, SocketOfNobodyIsNoRouter) {
  router_->stop();
  router_.reset();
  folder_.write("router/caddy/admin.sock", "");  // as good as the socket of a process that is gone
  router_ = make(config_);
  EXPECT_EQ(get("one.localhost").status, 404);
}

TEST_F(CaddyRouterTest, DeadOneIsStartedAgainWithItsRoutes) {
  const auto backend = backendNamed("one");
  const std::vector<Route> routes{{{"one.localhost"}, {backend->address()}}};
  router_->apply(routes);
  const std::string address = router_->address();
  killCaddy();
  router_->apply(routes);
  EXPECT_EQ(router_->address(), address);
  EXPECT_EQ(get("one.localhost").status, 200);
  killCaddy();
  router_.reset();
  router_ = make(config_);
  EXPECT_EQ(router_->address(), address);
  EXPECT_EQ(get("one.localhost").status, 200);
}

TEST_F(CaddyRouterTest, AdoptedOneMovesToAnotherAddress) {
  const auto backend = backendNamed("one");
  router_->apply({{{"one.localhost"}, {backend->address()}}});
  const pid_t pid = caddyPid();
  router_.reset();
  config_.listen = "127.0.0.2:0";
  router_ = make(config_);
  EXPECT_THAT(router_->address(), HasSubstr("127.0.0.2:"));
  EXPECT_EQ(caddyPid(), pid);
  EXPECT_EQ(get("one.localhost").status, 200);
}

/// A certificate with this name in it, for 127.0.0.1 unless told otherwise.
void writeCertificate(const std::filesystem::path& folder, const std::string& name,
                      const std::string& altName = "IP:127.0.0.1") {
  const auto made = base::runCommand(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
       "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=" + altName, "-keyout",
       folder / "new.key", "-out", folder / "new.pem"},
      {});
  ASSERT_TRUE(made.status.ok()) << made.err;
  std::filesystem::rename(folder / "new.key", folder / "key.pem");
  std::filesystem::rename(folder / "new.pem", folder / "cert.pem");
}

/// What curl gets over TLS from whoever is at `host`; "" when there is no connection to be had.
std::string overTls(const std::string& host, const std::string& address,
                    const std::vector<std::string>& more = {}) {
  const std::string port = address.substr(address.rfind(':') + 1);
  std::vector<std::string> words{"curl",
                                 "-sk",
                                 "--max-time",
                                 "20",
                                 "--connect-to",
                                 host + ":443:127.0.0.1:" + port,
                                 "-w",
                                 "%{http_version} %{http_code}",
                                 "https://" + host + "/"};
  words.insert(words.end() - 1, more.begin(), more.end());
  const auto got = base::runCommand(words, {});
  return got.status.ok() ? got.out : "";
}

TEST_F(CaddyRouterTest, AppsHaveCertificatesAndOthersHaveNone) {
  const auto backend = backendNamed("one");
  router_->stop();
  config_.appsTls = AppsTls{.listen = "127.0.0.1:0", .domain = "localhost", .acmeDirectory = "internal"};
  router_ = make(config_);
  router_->apply({{{"one.localhost", "www.example.com", "*.example.net"}, {backend->address()}}});
  const std::string address = router_->httpsAddress();
  EXPECT_EQ(overTls("one.localhost", address), "one one.localhost https2 200");
  EXPECT_EQ(overTls("www.example.com", address), "one www.example.com https2 200");
  EXPECT_EQ(overTls("www.example.com", address, {"--http1.1"}), "one www.example.com https1.1 200");
  for (const char* host : {"other.localhost", "localhost", "below.example.net", "example.com"})
    EXPECT_EQ(overTls(host, address), "") << host;
  const Response redirect = ask("one.localhost", {});
  EXPECT_EQ(redirect.head.getStatus(), 308);
  EXPECT_EQ(redirect.head.get("Location", ""),
            "https://one.localhost:" + address.substr(address.rfind(':') + 1) + "/");
  EXPECT_EQ(ask("other.localhost", {}).head.getStatus(), 404);
  router_->apply({});
  EXPECT_EQ(overTls("late.localhost", address), "");

  const pid_t pid = caddyPid();
  router_.reset();
  router_ = make(config_);
  EXPECT_EQ(caddyPid(), pid);
  EXPECT_EQ(router_->httpsAddress(), address);
  router_.reset();
  config_.appsTls->redirect = false;
  router_ = make(config_);
  router_->apply({{{"one.localhost"}, {backend->address()}}});
  EXPECT_EQ(ask("one.localhost", {}).body, "one one.localhost http");
}

TEST_F(CaddyRouterTest, OwnCertificatesComeFirst) {
  const auto backend = backendNamed("one");
  router_->stop();
  writeCertificate(folder_.path(), "mine", "DNS:*.apps.localhost");
  config_.appsTls = AppsTls{.listen = "127.0.0.1:0",
                            .certificate = folder_ / "cert.pem",
                            .key = folder_ / "key.pem",
                            .domain = "apps.localhost",
                            .acmeDirectory = "internal"};
  router_ = make(config_);
  router_->apply({{{"one.apps.localhost", "www.example.com"}, {backend->address()}}});
  const std::vector<std::string> mine{"--cacert", (folder_ / "cert.pem").string(), "--no-insecure"};
  EXPECT_EQ(overTls("one.apps.localhost", router_->httpsAddress(), mine),
            "one one.apps.localhost https2 200");
  EXPECT_EQ(overTls("www.example.com", router_->httpsAddress(), mine), "");
  EXPECT_EQ(overTls("www.example.com", router_->httpsAddress()), "one www.example.com https2 200");
  router_->stop();
  router_.reset();
  config_.appsTls->key = folder_ / "nowhere.pem";
  EXPECT_THROW(make(config_), base::Error);
}

TEST_F(CaddyRouterTest, PutsTlsInFrontOfTheDaemon) {
  const auto daemon = backendNamed("daemon");
  writeCertificate(folder_.path(), "first");
  router_->stop();
  config_.tls = TlsFront{.listen = "127.0.0.1:0",
                         .certificate = folder_ / "cert.pem",
                         .key = folder_ / "key.pem",
                         .backend = daemon->address(),
                         .look = std::chrono::milliseconds(50)};
  router_ = make(config_);
  const std::string address = router_->tlsAddress();
  const auto curl = [&] {
    return base::runCommand(
        {"curl", "-sS", "--noproxy", "*", "--cacert", folder_ / "cert.pem", "https://" + address + "/"}, {});
  };
  EXPECT_EQ(curl().out, "daemon " + address + " https") << curl().err;
  // A new daemon finds it; a new certificate is taken while it runs.
  router_.reset();
  router_ = make(config_);
  EXPECT_EQ(router_->tlsAddress(), address);
  writeCertificate(folder_.path(), "second");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!curl().status.ok() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(curl().out, "daemon " + address + " https") << curl().err;
  // What is no certificate changes nothing.
  folder_.write("key.pem", "nothing");
  base::configureLogging("error");
  std::string said;  // at each look
  while (said.find("certificate not taken") == std::string::npos && std::chrono::steady_clock::now() < end) {
    testing::internal::CaptureStderr();
    std::this_thread::sleep_for(config_.tls->look);
    said += testing::internal::GetCapturedStderr();
  }
  EXPECT_THAT(said, HasSubstr("certificate not taken"));
  EXPECT_EQ(curl().out, "daemon " + address + " https");
  // And without the setting it is gone.
  router_.reset();
  config_.tls.reset();
  router_ = make(config_);
  EXPECT_EQ(router_->tlsAddress(), "");
  EXPECT_FALSE(curl().status.ok());
}

TEST_F(CaddyRouterTest, SaysWhichCertificateFileIsMissing) {
  router_->stop();
  config_.tls = TlsFront{.listen = "127.0.0.1:0",
                         .certificate = folder_ / "cert.pem",
                         .key = folder_ / "key.pem",
                         .backend = "127.0.0.1:1"};
  const auto message = [&]() -> std::string {
    try {
      make(config_)->stop();
      return "";
    } catch (const base::Error& error) {
      return error.what();
    }
  };
  EXPECT_THAT(message(), HasSubstr("tls_certificate \""));
  folder_.write("cert.pem", "x");
  EXPECT_THAT(message(), HasSubstr("tls_key \""));
  folder_.write("key.pem", "x");
  EXPECT_THAT(message(), HasSubstr("the router did not start: "));
}

TEST_F(CaddyRouterTest, RefusesAnAddressThatIsTaken) {
  const auto message = [this](const CaddyConfig& config) -> std::string {
    try {
      make(config)->stop();
      return "";
    } catch (const base::Error& error) {
      return error.what();
    }
  };
  EXPECT_THAT(message({.listen = router_->address(), .folder = folder_ / "second"}),
              HasSubstr(router_->address() + " is taken"));
  EXPECT_THAT(message({.listen = "127.0.0.1:0", .folder = folder_ / "third", .program = "no-such-caddy"}),
              HasSubstr("install the package caddy"));
  EXPECT_THAT(message({.listen = "nonsense:x", .folder = folder_ / "fourth"}),
              HasSubstr("must be HOST:PORT"));
  folder_.write("programs/caddy", "#!/bin/sh\necho no licence >&2\nexit 1\n");
  std::filesystem::permissions(folder_ / "programs/caddy", std::filesystem::perms::owner_all);
  EXPECT_THAT(
      message({.listen = "127.0.0.1:0", .folder = folder_ / "fifth", .program = folder_ / "programs/caddy"}),
      HasSubstr("did not start: no licence"));
}

TEST(RouteFiles, SlotsCoverAllBackends) {
  for (std::size_t count = 1; count <= 48; ++count) {
    Route route{{"a.localhost"}, {}};
    for (std::size_t i = 0; i < count; ++i)
      route.backends.push_back("b" + std::to_string(i));
    std::string all;
    for (const std::string& name : detail::slotNames(route))
      all += "," + name;
    all += ",";
    for (const std::string& backend : route.backends)
      EXPECT_THAT(all, HasSubstr("," + backend + ",")) << count;
  }
  EXPECT_EQ(detail::slotNames({{"my-app.localhost"}, {}}).back(), "none-my-app");
}

TEST(RouteFiles, EachSlotIsAFolderWithOneFile) {
  const testing_support::TempFolder folder;
  const Route route{{"a.localhost"}, {"1.2.3.4:1", "1.2.3.4:2", "1.2.3.4:3"}};
  detail::RouteFiles files(folder.path());
  files.apply({route, {{"b.localhost"}, {}}});
  const std::vector<std::string> names = detail::slotNames(route);
  int folders = 0;
  for (std::size_t slot = 0; slot < names.size(); ++slot) {
    const std::filesystem::path path = folder / "live/a.localhost" / std::string(1, "0123456789abcdef"[slot]);
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::directory_iterator(path))
      found.push_back(item.path().filename());
    EXPECT_THAT(found, ElementsAre(names[slot])) << slot;
    folders += std::filesystem::is_symlink(path) ? 0 : 1;
  }
  EXPECT_EQ(folders, 3);
  EXPECT_TRUE(std::filesystem::exists(folder / "live/b.localhost/f/none-b"));
}

TEST(RouteFiles, RefusesWhatIsNoFileName) {
  const testing_support::TempFolder folder;
  detail::RouteFiles files(folder.path());
  for (const char* host : {"", "..", "a/b", "A.localhost", "*"}) {
    EXPECT_THROW(files.apply({{{host}, {}}}), base::Error) << host;
  }
  EXPECT_THROW(files.apply({{{"a.localhost"}, {"1.2.3.4:5/6"}}}), base::Error);
  EXPECT_THROW(files.apply({{{"a.localhost"}, {"1.2.3.4:5,6"}}}), base::Error);
}

TEST(RouteFiles, LeavesNoOldSets) {
  const testing_support::TempFolder folder;
  const auto count = [&](const char* name) {
    return std::distance(std::filesystem::directory_iterator(folder / name),
                         std::filesystem::directory_iterator());
  };
  {
    detail::RouteFiles files(folder.path());
    for (int i = 0; i < 5; ++i)
      files.apply({{{"a.localhost", "b.localhost"}, {"1.2.3.4:" + std::to_string(i)}}});
    EXPECT_EQ(count("sets"), 2);
    files.apply({{{"b.localhost"}, {}}});
    EXPECT_EQ(count("sets"), 1);
    EXPECT_EQ(count("live"), 1);
  }
  std::filesystem::create_directory(folder / "sets/left");
  folder.write("live/.new-left", "");
  detail::RouteFiles(folder.path()).apply({{{"c.localhost"}, {}}});
  EXPECT_EQ(count("sets"), 1);
  EXPECT_EQ(count("live"), 1);
}

}  // namespace
}  // namespace runner
