#include "runner/detail/health_probe.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/fd.h"

namespace runner::detail {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using State = ProbeAnswer::State;

/// Takes one connection, reads a request and answers in pieces.
class OneAnswer {
 public:
  explicit OneAnswer(std::vector<std::string> pieces)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), pieces_(std::move(pieces)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::listen(fd_.get(), 4), 0);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name), &length);
    address_ = "127.0.0.1:" + std::to_string(ntohs(name.sin_port));
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~OneAnswer() {
    thread_.request_stop();
    ::shutdown(fd_.get(), SHUT_RDWR);
  }
  const std::string& address() const { return address_; }
  std::string request() {
    thread_.join();
    return request_;
  }

 private:
  void serve(const std::stop_token& stop) {
    const base::Fd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) return;
    std::array<char, 4096> buffer{};
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::recv(client.get(), buffer.data(), buffer.size(), 0);
      if (count <= 0) return;
      request_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    for (const std::string& piece : pieces_) {
      if (::send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return;
      if (piece.empty()) {  // from here on silence, until the other side is gone
        while (!stop.stop_requested() && ::recv(client.get(), buffer.data(), buffer.size(), 0) > 0) {
        }
      }
    }
  }

  base::Fd fd_;
  std::vector<std::string> pieces_;
  std::string address_;
  std::string request_;
  std::jthread thread_;
};

store::ProcessCheck check(const std::string& content = "") {
  return {.means = store::ProcessCheck::Means::http,
          .path = "/health?full=1",
          .content = content,
          .timeout = std::chrono::seconds(5)};
}

ProbeAnswer ask(const std::vector<std::string>& pieces, const std::string& content = "") {
  OneAnswer server(pieces);
  return probeHttp(check(content), server.address());
}

TEST(HealthProbe, AsksAsItWasTold) {
  OneAnswer server({"HTTP/1.1 302 Found\r\n\r\n"});
  auto wanted = check();
  wanted.headers = {{"host", "example.org"}, {"X-Token", "abc"}};
  EXPECT_EQ(probeHttp(wanted, server.address()).state, State::well);
  const std::string request = server.request();
  EXPECT_THAT(request, StartsWith("GET /health?full=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nhost: example.org\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nX-Token: abc\r\n"));
}

TEST(HealthProbe, SaysItsOwnNameUnlessToldOtherwise) {
  OneAnswer server({"HTTP/1.1 200 OK\r\n\r\n"});
  EXPECT_EQ(probeHttp(check(), server.address()).state, State::well);
  const std::string address = server.address();
  EXPECT_THAT(server.request(), HasSubstr("Host: " + address + "\r\n"));
}

TEST(HealthProbe, JudgesTheStatus) {
  EXPECT_EQ(ask({"HTTP/1.1 399 Odd\r\n\r\n"}).state, State::well);
  EXPECT_EQ(ask({"HTTP/1.1 404 Not Found\r\n\r\n"}).problem, "answered 404");
  EXPECT_EQ(ask({"HT", "TP/1.0 200", " OK\r\n"}).state, State::well);
  EXPECT_EQ(ask({"SSH-2.0-x\r\n"}).problem, "did not answer in HTTP");
  EXPECT_EQ(ask({"HTTP/1.1 2xx OK\r\n"}).problem, "did not answer in HTTP");
  EXPECT_EQ(ask({}).problem, "closed the connection without an answer");
}

TEST(HealthProbe, LooksForTheContent) {
  EXPECT_EQ(ask({"HTTP/1.1 200 OK\r\n\r\nall is fine"}, "fine").state, State::well);
  EXPECT_EQ(ask({"HTTP/1.1 200 OK\r\nX: fine\r\n\r\nno"}, "fine").problem, "answered without \"fine\"");
  EXPECT_EQ(
      ask({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n"}, "fine").state,
      State::well);
  EXPECT_EQ(ask({"HTTP/1.1 200 OK\r\n\r\n" + std::string(70u << 10, 'x') + "fine"}, "fine").state, State::unwell);
}

TEST(HealthProbe, WaitsNoLongerThanItMay) {
  OneAnswer server({"HTTP/1.1 200", ""});
  auto wanted = check();
  wanted.timeout = std::chrono::seconds(1);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(probeHttp(wanted, server.address()).problem, "did not answer within 1 s");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(HealthProbe, TellsThatNobodyListens) {
  std::string address;
  {
    const OneAnswer server({});
    address = server.address();
  }
  EXPECT_EQ(probeHttp(check(), address).state, State::notListening);
  EXPECT_EQ(probeHttp(check(), "").state, State::notListening);
}

}  // namespace
}  // namespace runner::detail
