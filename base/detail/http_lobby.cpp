#include "base/detail/http_lobby.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/detail/http_connection.h"
#include "base/error.h"

namespace base::detail {
namespace {

namespace net = Poco::Net;

constexpr std::size_t kMaxEvents = 64;
// With no descriptor left, and nobody who could make room.
constexpr auto kRest = std::chrono::milliseconds(100);

Fd makePoll() {
  Fd poll(::epoll_create1(EPOLL_CLOEXEC));
  if (!poll.valid()) throwErrno(errno, "making an epoll instance");
  return poll;
}

bool watch(const Fd& poll, int number, unsigned events) {
  epoll_event event{.events = events, .data = {.fd = number}};
  return ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, number, &event) == 0;
}

}  // namespace

HeadState judgeHead(std::string_view begin) noexcept {
  if (begin.empty()) return HeadState::incomplete;
  // A method begins with a letter: what does not is refused without waiting for more of it.
  const char first = begin.front();
  if ((first < 'A' || first > 'Z') && (first < 'a' || first > 'z')) return HeadState::complete;
  for (std::size_t end = begin.find('\n'); end != std::string_view::npos; end = begin.find('\n', end + 1)) {
    const std::string_view next = begin.substr(end + 1);
    if (next.starts_with("\r\n") || next.starts_with('\n')) return HeadState::complete;
  }
  return begin.size() < kMaxHeadBytes ? HeadState::incomplete : HeadState::tooLong;
}

HttpLobby::HttpLobby(const net::ServerSocket& listener, const HttpLobbyOptions& options, Ready ready)
    : listener_(listener.impl()->sockfd()),
      options_(options),
      ready_(std::move(ready)),
      poll_(makePoll()),
      wake_(makeEventFd()),
      head_(kMaxHeadBytes, '\0') {
  ::fcntl(listener_, F_SETFL, O_NONBLOCK);
  if (!watch(poll_, listener_, EPOLLIN) || !watch(poll_, wake_.get(), EPOLLIN))
    throwErrno(errno, "watching a listener");
  thread_ = std::thread([this] { run(); });
}

HttpLobby::~HttpLobby() {
  stop();
}

void HttpLobby::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  signalEvent(wake_);
  thread_.join();
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  deadlines_.clear();
}

void HttpLobby::wait(const net::StreamSocket& connection, std::chrono::milliseconds patience) {
  Gone gone;
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (waiting_.size() >= options_.maxWaiting) dropFirst(gone);
  const int number = connection.impl()->sockfd();
  Waiting& entry = waiting_.emplace(number, Waiting{connection, {}}).first->second;
  setDeadline(number, entry, Clock::now() + patience);
  // What is there already is told at once.
  if (!watch(poll_, number, EPOLLIN | EPOLLRDHUP | EPOLLET)) gone.push_back(take(number));
  if (!deadlines_.empty() && deadlines_.begin()->first < nextLook_) signalEvent(wake_);
}

void HttpLobby::run() {
  ::pthread_setname_np(::pthread_self(), "http-lobby");
  std::array<epoll_event, kMaxEvents> events{};
  // Asked after the wake-up has been taken in, which may have been stop()'s.
  while (const auto timeout = untilNextDeadline()) {
    const int count = ::epoll_wait(poll_.get(), events.data(), kMaxEvents, *timeout);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == listener_) {
        acceptAll();
      } else if (event.data.fd == wake_.get()) {
        drainEvent(wake_);
      } else {
        look(event.data.fd, event.events);
      }
    }
    dropLate();
  }
}

void HttpLobby::acceptAll() {
  // Not for ever: those who wait have their turn, too.
  for (std::size_t i = 0; i < kMaxEvents && acceptOne(); ++i) {
  }
}

/// False when nobody is there, or nobody can be taken.
bool HttpLobby::acceptOne() {
  const int number = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (number < 0) {
    if (errno == EINTR || errno == ECONNABORTED) return true;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return false;
    Gone gone;
    std::unique_lock lock(mutex_);
    if (dropFirst(gone)) return true;
    lock.unlock();
    std::this_thread::sleep_for(kRest);
    return false;
  }
  const net::StreamSocket socket(new HttpSocket(number));
  int one = 1;  // fails on a unix socket, which has no such delay
  ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  wait(socket, options_.firstRequest);
  return true;
}

void HttpLobby::look(int number, unsigned events) {
  net::StreamSocket taken;
  HeadState head = HeadState::incomplete;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    const ssize_t count = ::recv(number, head_.data(), head_.size(), MSG_PEEK | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) head = judgeHead(std::string_view(head_).substr(0, static_cast<std::size_t>(count)));
    if (count > 0 && head == HeadState::incomplete && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) {
      if (!std::exchange(found->second.hasBegun, true))
        setDeadline(number, found->second, Clock::now() + options_.wholeHead);
      return;
    }
    taken = take(number);
  }
  if (head != HeadState::incomplete) ready_(taken, head);
}

/// Of all that wait, the one whose time would be over first.
bool HttpLobby::dropFirst(Gone& gone) {
  if (deadlines_.empty()) return false;
  gone.push_back(take(deadlines_.begin()->second));
  return true;
}

net::StreamSocket HttpLobby::take(int number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return {};
  ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, number, nullptr);
  deadlines_.erase({found->second.deadline, number});
  net::StreamSocket socket = std::move(found->second.socket);
  waiting_.erase(found);
  return socket;
}

void HttpLobby::setDeadline(int number, Waiting& entry, Clock::time_point deadline) {
  deadlines_.erase({entry.deadline, number});
  entry.deadline = deadline;
  deadlines_.emplace(deadline, number);
}

void HttpLobby::dropLate() {
  Gone gone;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    dropFirst(gone);
}

std::optional<int> HttpLobby::untilNextDeadline() {
  const std::lock_guard lock(mutex_);
  if (stopping_) return std::nullopt;
  nextLook_ = deadlines_.empty() ? Clock::time_point::max() : deadlines_.begin()->first;
  if (deadlines_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(nextLook_ - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace base::detail
