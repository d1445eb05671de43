#include "base/detail/http_lobby.h"

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

namespace base::detail {
namespace {

using namespace std::chrono_literals;
namespace net = Poco::Net;

constexpr const char* kHead = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(JudgeHead, KnowsAWholeHead) {
  for (const char* text : {"", "G", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: h\r\n",
                           "GET / HTTP/1.1\r\nHost: h\r\n\r", "get /\r\n \r\n"})
    EXPECT_EQ(judgeHead(text), HeadState::incomplete) << text;
  for (const char* text : {kHead, "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\n\n", "GET / HTTP/1.1\r\n\r\nbody"})
    EXPECT_EQ(judgeHead(text), HeadState::complete) << text;
}

TEST(JudgeHead, DoesNotWaitForWhatIsNoRequest) {
  for (const std::string text : {"\r\n", "\x16\x03\x01", "1", " GET"})
    EXPECT_EQ(judgeHead(text), HeadState::complete) << text;
  EXPECT_EQ(judgeHead(std::string("\0", 1)), HeadState::complete);
}

TEST(JudgeHead, HasALimit) {
  EXPECT_EQ(judgeHead(std::string(kMaxHeadBytes - 1, 'x')), HeadState::incomplete);
  EXPECT_EQ(judgeHead(std::string(kMaxHeadBytes, 'x')), HeadState::tooLong);
  EXPECT_EQ(judgeHead(std::string(kMaxHeadBytes - 4, 'x') + "\r\n\r\n"), HeadState::complete);
}

/// A lobby on a port of its own that collects who is ready.
class Scene {
 public:
  explicit Scene(HttpLobbyOptions options = {.maxWaiting = 100, .firstRequest = 60s, .wholeHead = 60s})
      : listener_(net::SocketAddress("127.0.0.1", 0)),
        lobby_(listener_, options, [this](const net::StreamSocket& connection, HeadState head) {
          EXPECT_EQ(head, HeadState::complete);
          const std::lock_guard lock(mutex_);
          ready_.push_back(connection);
          changed_.notify_all();
        }) {}

  net::StreamSocket connect() const {
    net::StreamSocket client(listener_.address());
    client.setReceiveTimeout(Poco::Timespan(20, 0));
    return client;
  }
  /// The next one that is ready; nullopt when none is for 20 s.
  std::optional<net::StreamSocket> next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 20s, [&] { return !ready_.empty(); })) return std::nullopt;
    net::StreamSocket socket = ready_.front();
    ready_.erase(ready_.begin());
    return socket;
  }
  HttpLobby& lobby() { return lobby_; }

 private:
  net::ServerSocket listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<net::StreamSocket> ready_;
  HttpLobby lobby_;
};

void say(net::StreamSocket& socket, std::string_view text) {
  socket.sendBytes(text.data(), static_cast<int>(text.size()));
}

bool isClosed(net::StreamSocket& socket) {
  char byte = 0;
  try {
    return socket.receiveBytes(&byte, 1) == 0;
  } catch (const Poco::TimeoutException&) {
    return false;
  } catch (const Poco::Exception&) {
    return true;
  }
}

TEST(HttpLobby, GivesWhoHasSentAHeadAndLeavesItUnread) {
  Scene scene;
  auto silent = scene.connect();
  auto client = scene.connect();
  say(client, "GET / HTTP/1.1\r\nHo");
  say(client, "st: h\r\n\r\nbody");
  auto ready = scene.next();
  ASSERT_TRUE(ready);
  char text[100];
  EXPECT_EQ(std::string(text, static_cast<std::size_t>(ready->receiveBytes(text, sizeof text))),
            std::string(kHead) + "body");
}

TEST(HttpLobby, WaitsForTheNextRequest) {
  Scene scene;
  auto client = scene.connect();
  for (int i = 0; i < 3; ++i) {
    say(client, kHead);
    auto ready = scene.next();
    ASSERT_TRUE(ready);
    char text[100];
    ready->receiveBytes(text, sizeof text);
    if (i == 1) say(client, "GET ");  // that something is there already is noticed as well
    scene.lobby().wait(*ready, 60s);
    if (i == 1) {
      say(client, "/ HTTP/1.1\r\n\r\n");
      ready = scene.next();
      ASSERT_TRUE(ready);
      ready->receiveBytes(text, sizeof text);
      scene.lobby().wait(*ready, 60s);
    }
  }
}

TEST(HttpLobby, ClosesWhoseTimeIsOver) {
  Scene silent({.maxWaiting = 100, .firstRequest = 50ms, .wholeHead = 60s});
  auto client = silent.connect();
  EXPECT_TRUE(isClosed(client));

  Scene slow({.maxWaiting = 100, .firstRequest = 60s, .wholeHead = 50ms});
  auto slowClient = slow.connect();
  say(slowClient, "GET /");
  EXPECT_TRUE(isClosed(slowClient));

  Scene waiting;
  auto kept = waiting.connect();
  say(kept, kHead);
  auto ready = waiting.next();
  ASSERT_TRUE(ready);
  char text[100];
  ready->receiveBytes(text, sizeof text);
  waiting.lobby().wait(*ready, 50ms);
  ready.reset();
  EXPECT_TRUE(isClosed(kept));
}

TEST(HttpLobby, MoreBytesDoNotGiveMoreTime) {
  Scene scene({.maxWaiting = 100, .firstRequest = 60s, .wholeHead = 200ms});
  auto client = scene.connect();
  say(client, "GET /");
  client.setReceiveTimeout(Poco::Timespan(0, 10'000));
  const auto begin = std::chrono::steady_clock::now();
  bool closed = false;
  while (!closed && std::chrono::steady_clock::now() - begin < 20s) {
    try {
      say(client, "x");
    } catch (const Poco::Exception&) {
      closed = true;
    }
    closed = closed || isClosed(client);
  }
  EXPECT_TRUE(closed);
}

TEST(HttpLobby, ForgetsWhoLeaves) {
  Scene scene({.maxWaiting = 1, .firstRequest = 60s, .wholeHead = 60s});
  auto half = scene.connect();
  say(half, "GET / HT");
  half.shutdownSend();
  EXPECT_TRUE(isClosed(half));
  auto client = scene.connect();
  say(client, kHead);
  EXPECT_TRUE(scene.next());
}

/// Two ends of a connection, one of which a lobby can have.
struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours = Fd(ends[0]);
    theirs = net::StreamSocket(new net::StreamSocketImpl(ends[1]));
  }
  bool isClosed() const {
    pollfd closed{.fd = ours.get(), .events = POLLIN, .revents = 0};
    return ::poll(&closed, 1, 0) == 1;
  }
  Fd ours;
  net::StreamSocket theirs;
};

/// Until stop() has begun. `pairs` keeps what was given, so that no end of one wakes the lobby.
bool takesConnections(HttpLobby& lobby, std::vector<Pair>& pairs) {
  Pair& pair = pairs.emplace_back();
  lobby.wait(std::exchange(pair.theirs, net::StreamSocket()), 60s);
  return !pair.isClosed();
}

TEST(HttpLobby, StopIsHeardBesideAnotherWakeUp) {
  const net::ServerSocket listener(net::SocketAddress("127.0.0.1", 0));
  std::counting_semaphore<8> entered(0);
  std::counting_semaphore<8> leave(0);
  HttpLobby lobby(listener, {.maxWaiting = 100'000, .firstRequest = 60s, .wholeHead = 60s},
                  [&](const net::StreamSocket&, HeadState) {
                    entered.release();
                    leave.acquire();
                  });
  Pair silent;
  Pair early;
  Pair first;
  Pair second;
  Pair third;
  for (const Pair* each : {&early, &first, &second})
    writeAll(each->ours, kHead);
  // Once it has seen this request, it has taken in the wake-up for the silent one.
  lobby.wait(silent.theirs, 40s);
  lobby.wait(early.theirs, 60s);
  entered.acquire();
  leave.release();
  lobby.wait(first.theirs, 60s);
  entered.acquire();
  // What the lobby sees next, in one look: a request, and that somebody has less time than the others.
  lobby.wait(second.theirs, 60s);
  lobby.wait(third.theirs, 30s);
  leave.release();
  entered.acquire();
  std::thread stopper([&] { lobby.stop(); });
  std::vector<Pair> pairs;
  while (takesConnections(lobby, pairs)) {
  }
  for (int i = 0; i < 100; ++i)  // stop() goes on meanwhile, or else this proves nothing
    EXPECT_FALSE(takesConnections(lobby, pairs));
  leave.release();
  stopper.join();
}

TEST(HttpLobby, StopClosesAllAndTakesNone) {
  Scene scene;
  auto waiting = scene.connect();
  auto client = scene.connect();
  say(client, kHead);
  auto ready = scene.next();
  ASSERT_TRUE(ready);
  scene.lobby().stop();
  EXPECT_TRUE(isClosed(waiting));
  scene.lobby().wait(*ready, 60s);
  ready.reset();
  EXPECT_TRUE(isClosed(client));
}

}  // namespace
}  // namespace base::detail
