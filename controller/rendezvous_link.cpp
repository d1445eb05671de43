#include "controller/rendezvous_link.h"

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace controller {
namespace {

namespace net = Poco::Net;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxLine = 128;
constexpr std::size_t kPiece = 16u << 10;  // what one TLS record holds
constexpr std::size_t kMaxUnread = 64u << 10;
constexpr std::size_t kMaxUnsent = 256u << 10;
constexpr char kEndOfInput = '\x04';

net::StreamSocket adopt(base::Fd socket) {
  const int on = 1, idleS = 15, betweenS = 5, tries = 3;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, &idleS, sizeof idleS);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, &betweenS, sizeof betweenS);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  net::StreamSocket plain(new net::StreamSocketImpl(socket.release()));
  plain.setBlocking(false);  // before TLS is laid over it, which asks this one
  return plain;
}

/// Between the thread of the connection and that of the session. Thread-safe.
class Exchange : public base::Interaction, private base::ByteSink {
 public:
  Exchange(const RendezvousLink::Talk& talk, const base::Fd& wake) : talk_(talk), wake_(wake) {}

  // For the session.
  std::optional<base::TerminalSize> terminal() const override { return talk_.terminal; }
  std::string terminalType() const override { return talk_.terminalType; }
  void begin(std::function<void(base::TerminalSize)>) override {}  // clients cannot tell a new size
  base::ByteSink& output() override { return *this; }

  void endInput() override {
    {
      const std::lock_guard lock(mutex_);
      inputClosed_ = true;
      unread_.clear();
    }
    changed_.notify_all();
    base::signalEvent(wake_);
  }

  std::size_t read(char* buffer, std::size_t capacity) override {
    std::size_t count = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !unread_.empty() || inputEnded_ || inputClosed_; });
      if (inputClosed_) return 0;
      count = unread_.copy(buffer, capacity);
      unread_.erase(0, count);
    }
    base::signalEvent(wake_);
    return count;
  }

  void over() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    base::signalEvent(wake_);
  }

  // For the connection.
  /// How much may be fed. What nobody reads any more is read off the connection all the same, so that its end
  /// is seen.
  std::size_t room() {
    const std::lock_guard lock(mutex_);
    if (inputClosed_ || inputEnded_) return kPiece;
    return std::min(kPiece, kMaxUnread - std::min(kMaxUnread, unread_.size()));
  }
  void feed(std::string_view bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (inputClosed_ || inputEnded_) return;
      const auto end = talk_.terminal ? std::string_view::npos : bytes.find(kEndOfInput);
      unread_ += bytes.substr(0, end);
      inputEnded_ = end != std::string_view::npos;
    }
    changed_.notify_all();
  }
  std::string takeOutput() {
    std::string bytes;
    {
      const std::lock_guard lock(mutex_);
      bytes = unsent_.substr(0, kPiece);
      unsent_.erase(0, bytes.size());
    }
    if (!bytes.empty()) changed_.notify_all();
    return bytes;
  }
  /// The session has ended, and all that it wrote was taken.
  bool isOver() {
    const std::lock_guard lock(mutex_);
    return over_ && unsent_.empty();
  }
  void clientIsGone() {
    {
      const std::lock_guard lock(mutex_);
      gone_ = inputEnded_ = true;
    }
    changed_.notify_all();
  }

 private:
  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return unsent_.size() < kMaxUnsent || gone_; });
        if (gone_) throw base::Error(base::Errc::cancelled, "the client went away");
        const std::size_t count = std::min(bytes.size(), kMaxUnsent - unsent_.size());
        unsent_ += bytes.substr(0, count);
        bytes.remove_prefix(count);
      }
      base::signalEvent(wake_);
    }
  }

  const RendezvousLink::Talk& talk_;
  const base::Fd& wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string unread_;  // guarded by mutex_, like all below
  std::string unsent_;
  bool inputEnded_ = false;   // by the client
  bool inputClosed_ = false;  // by the session
  bool over_ = false;
  bool gone_ = false;
};

/// On the session's thread. What it throws is for its client: there is nobody else to tell.
void runSession(const RendezvousLink::Talk& talk, Exchange& exchange, const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "rendezvous-run");
  std::string failure;
  try {
    talk.session(exchange, stop);
  } catch (const std::exception& error) {
    failure = base::publicMessage(error);
  }
  try {
    if (!failure.empty()) exchange.output().write("fairlead: " + failure + "\r\n");
  } catch (const base::Error&) {  // the client has gone
  }
  exchange.over();
}

}  // namespace

RendezvousLink::RendezvousLink(base::Fd socket, const net::Context::Ptr& context, const base::Fd& ended)
    : socket_(net::SecureStreamSocket::attach(adopt(std::move(socket)), context)), ended_(ended) {}

RendezvousLink::Io RendezvousLink::receive(std::string& into, std::size_t atMost) {
  std::array<char, kPiece> buffer;
  const int count = socket_.receiveBytes(buffer.data(), static_cast<int>(std::min(atMost, buffer.size())));
  if (count > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(count));
    return Io::some;
  }
  if (count == net::SecureStreamSocket::ERR_SSL_WANT_READ) return Io::wouldRead;
  if (count == net::SecureStreamSocket::ERR_SSL_WANT_WRITE) return Io::wouldWrite;
  return Io::end;
}

RendezvousLink::Io RendezvousLink::send(std::string& bytes) {
  const int count = socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
  if (count > 0) {
    bytes.erase(0, static_cast<std::size_t>(count));
    return Io::some;
  }
  if (count == net::SecureStreamSocket::ERR_SSL_WANT_READ) return Io::wouldRead;
  if (count == net::SecureStreamSocket::ERR_SSL_WANT_WRITE) return Io::wouldWrite;
  return Io::end;
}

bool RendezvousLink::await(short events, std::optional<SteadyTime> until, const base::Fd* wake) {
  while (true) {
    int waitMs = -1;
    if (until) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(*until - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      waitMs = static_cast<int>(left.count());
    }
    // With nothing to read or write for now the client's leaving has to be seen all the same.
    const auto watched = static_cast<short>(events == 0 ? POLLRDHUP : events);
    pollfd fds[3] = {{ended_.get(), POLLIN, 0},
                     {socket_.impl()->sockfd(), watched, 0},
                     {wake == nullptr ? -1 : wake->get(), POLLIN, 0}};
    const int ready = ::poll(fds, 3, waitMs);
    if (ready < 0 && errno != EINTR) base::throwErrno(errno, "waiting for a client");
    if (ready <= 0) continue;
    if (fds[0].revents != 0) return false;
    if (events == 0 && fds[1].revents != 0) return false;
    if (fds[2].revents != 0) base::drainEvent(*wake);
    return true;
  }
}

std::optional<std::string> RendezvousLink::firstLine(std::chrono::milliseconds within) {
  const SteadyTime until = std::chrono::steady_clock::now() + within;
  while (true) {
    if (const auto end = early_.find('\n'); end != std::string::npos) {
      std::string line = early_.substr(0, end);
      early_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (early_.size() > kMaxLine) return std::nullopt;
    const Io result = receive(early_, kMaxLine);
    if (result == Io::end) return std::nullopt;
    if (result == Io::some) continue;
    if (!await(result == Io::wouldWrite ? POLLOUT : POLLIN, until)) return std::nullopt;
  }
}

bool RendezvousLink::say(std::string_view bytes, std::chrono::milliseconds within) {
  const SteadyTime until = std::chrono::steady_clock::now() + within;
  for (std::string left(bytes); !left.empty();) {
    const Io result = send(left);
    if (result == Io::end) return false;
    if (result == Io::some) continue;
    if (!await(result == Io::wouldRead ? POLLIN : POLLOUT, until)) return false;
  }
  return true;
}

void RendezvousLink::carry(const Talk& talk) {
  const base::Fd wake = base::makeEventFd();
  Exchange exchange(talk, wake);
  exchange.feed(early_);
  std::jthread session([&](const std::stop_token& stop) { runSession(talk, exchange, stop); });
  // However this ends, the session is told, and waited for.
  const auto leave = [&] {
    exchange.clientIsGone();
    session.request_stop();
    session.join();
  };
  try {
    std::string sending;
    while (true) {
      short events = 0;
      bool again = false;
      if (sending.empty()) sending = exchange.takeOutput();
      if (!sending.empty()) {
        const Io sent = send(sending);
        if (sent == Io::end) break;
        again = sent == Io::some;
        if (!again) events |= sent == Io::wouldRead ? POLLIN : POLLOUT;
      } else if (exchange.isOver()) {
        session.join();
        return;
      }
      if (const std::size_t room = exchange.room(); room > 0) {
        std::string got;
        const Io received = receive(got, room);
        if (received == Io::end) break;
        exchange.feed(got);
        again = again || received == Io::some;
        if (received != Io::some) events |= received == Io::wouldWrite ? POLLOUT : POLLIN;
      }
      if (again) continue;
      if (!await(events, std::nullopt, &wake)) break;
    }
  } catch (...) {
    leave();
    throw;
  }
  leave();
}

void RendezvousLink::close(std::chrono::milliseconds within) {
  const SteadyTime until = std::chrono::steady_clock::now() + within;
  socket_.shutdown();
  ::shutdown(socket_.impl()->sockfd(), SHUT_WR);
  std::array<char, 4096> buffer;
  while (true) {
    const auto count = ::recv(socket_.impl()->sockfd(), buffer.data(), buffer.size(), 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return;
    if (count < 0 && !await(POLLIN, until)) return;
  }
}

}  // namespace controller
