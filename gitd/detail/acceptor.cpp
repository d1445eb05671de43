#include "gitd/detail/acceptor.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "gitd/detail/ssh_refusal.h"

namespace gitd::detail {
namespace {

constexpr std::uint64_t kChanged = 1;
constexpr std::uint64_t kListener = 2;  // visitors' ids come after
constexpr int kBatch = 64;
// While somebody waits: how often it is looked whether time alone has changed anything.
constexpr int kLookMs = 250;

}  // namespace

Acceptor::Acceptor(Listener& listener, Door& door, const base::Fd& changed, SshMetrics& metrics)
    : listener_(listener),
      door_(door),
      changed_(changed),
      metrics_(metrics),
      events_(::epoll_create1(EPOLL_CLOEXEC)),
      lastId_(kListener) {
  if (!events_.valid()) base::throwErrno(errno, "watching the SSH port");
  watch(changed_, kChanged, EPOLLIN);
  watch(listener_.fd(), kListener, EPOLLIN);
}

void Acceptor::watch(const base::Fd& fd, std::uint64_t id, std::uint32_t events) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.u64 = id;
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd.get(), &wanted) != 0)
    base::throwErrno(errno, "watching a connection");
}

void Acceptor::run(const std::stop_token& stop, const std::function<void(Door::Visitor)>& admitted,
                   const std::function<void()>& changedSince) {
  const std::stop_callback wake(stop, [this] { base::signalEvent(changed_); });
  while (!stop.stop_requested()) {
    changedSince();
    while (auto visitor = door_.admit(Clock::now())) {
      ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, visitor->socket.get(), nullptr);
      sockets_.erase(visitor->id);
      admitted(std::move(*visitor));
    }
    for (auto& [visitor, why] : door_.overdue(Clock::now()))
      sendAway(std::move(visitor), why);
    metrics_.waiting.set(static_cast<std::int64_t>(sockets_.size()));
    listen();
    wait();
  }
  for (auto& visitor : door_.clear())
    sendAway(std::move(visitor), "the server is shutting down: try again in a moment");
}

/// Leaves the port alone while nobody more can be taken.
void Acceptor::listen() {
  const bool wanted = !door_.full(Clock::now());
  if (wanted == listening_) return;
  listening_ = wanted;
  epoll_event events{};
  if (wanted) events.events = EPOLLIN;
  events.data.u64 = kListener;
  ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, listener_.fd().get(), &events);
}

void Acceptor::wait() {
  std::array<epoll_event, kBatch> events{};
  const int count = ::epoll_wait(events_.get(), events.data(), kBatch, sockets_.empty() ? -1 : kLookMs);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t id = events.at(static_cast<std::size_t>(i)).data.u64;
    if (id == kChanged) {
      base::drainEvent(changed_);
    } else if (id == kListener) {
      acceptSome();
    } else {
      hear(id);
    }
  }
}

void Acceptor::acceptSome() {
  for (int i = 0; i < kBatch && !door_.full(Clock::now()); ++i) {
    auto arrival = listener_.accept();
    if (!arrival) return;
    metrics_.connections.add();
    Door::Visitor visitor{.id = ++lastId_,
                          .socket = std::move(arrival->socket),
                          .source = std::move(arrival->source),
                          .peer = std::move(arrival->peer),
                          .since = Clock::now()};
    // Its first words, or its end, and each only once: nobody reads here.
    watch(visitor.socket, visitor.id, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT);
    sockets_.emplace(visitor.id, Waiting{visitor.socket.get()});
    auto goes = door_.arrive(std::move(visitor), Clock::now());
    if (goes)
      sendAway(std::move(*goes),
               "too many clients wait to log in: try again later, or raise ssh_max_waiting");
  }
}

/// A waiting visitor has said something, or has hung up.
void Acceptor::hear(std::uint64_t id) {
  const auto at = sockets_.find(id);
  if (at == sockets_.end()) return;
  Waiting& waiting = at->second;
  char byte;
  const bool words = ::recv(waiting.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  if (words && !std::exchange(waiting.spoke, true)) {
    door_.spoke(id);
    epoll_event events{};
    events.events = EPOLLRDHUP | EPOLLONESHOT;
    events.data.u64 = id;
    ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, waiting.socket, &events);
    return;
  }
  sockets_.erase(at);
  door_.remove(id);  // closes it
}

void Acceptor::sendAway(Door::Visitor visitor, const std::string& sentence) {
  base::Log("gitd").debug("connection refused", {{"peer", visitor.peer}, {"why", sentence}});
  metrics_.refused.add();
  sockets_.erase(visitor.id);
  refuse(std::move(visitor.socket), "fairlead: " + sentence);
}

}  // namespace gitd::detail
