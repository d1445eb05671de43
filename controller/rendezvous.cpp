#include "controller/rendezvous.h"

#include <Poco/Exception.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/error.h"
#include "base/http_tls.h"
#include "base/log.h"
#include "controller/rendezvous_link.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kSecretBytes = 16;
constexpr std::chrono::seconds kGoodbye{5};

Poco::Net::Context::Ptr tlsContext(const RendezvousConfig& config) {
  return base::makeTlsServerContext(base::PemFile{config.certificate, config.read(config.certificate)},
                                    base::PemFile{config.key, config.read(config.key)});
}

}  // namespace

/// Of the accepting thread, but for `phase`, and the socket once it has a thread.
struct Rendezvous::Connection {
  enum class Phase { waiting, running, evicted, ended };
  base::Fd socket;  // until its thread takes it
  base::Fd ended = base::makeEventFd();
  std::atomic<Phase> phase{Phase::waiting};
  std::thread thread;

  /// False when it is not in `from` any more.
  bool become(Phase to, Phase from) { return phase.compare_exchange_strong(from, to); }
  void end() {
    base::signalEvent(ended);
    if (thread.joinable()) thread.join();
  }
};

Rendezvous::Rendezvous(RendezvousConfig config, base::TcpListener listener, const base::Clock& clock)
    : config_(std::move(config)), listener_(std::move(listener)), clock_(clock), ended_(base::makeEventFd()) {
  tlsContext(config_);
  acceptor_ = std::thread([this] { accept(); });
}

Rendezvous::~Rendezvous() {
  stop();
}

std::string Rendezvous::invite(Guest guest) {
  std::string secret = base::randomHex(kSecretBytes);
  const base::Time now = clock_.now();
  const std::lock_guard lock(mutex_);
  std::erase_if(invited_, [&](const auto& each) { return each.second.until <= now; });
  if (stopped_) throw Error(Errc::unavailable, "the server is shutting down");
  if (invited_.size() >= config_.maxWaiting)
    throw Error(Errc::overloaded,
                "as many processes wait for their client as the setting rendezvous_max_waiting allows: try "
                "again in a minute");
  invited_.emplace(base::Digest::of(secret), Invitation{std::move(guest), now + config_.secretLifetime});
  return secret;
}

std::optional<Guest> Rendezvous::take(const std::string& secret) {
  const std::lock_guard lock(mutex_);
  const auto found = invited_.find(base::Digest::of(secret));
  if (found == invited_.end() || stopped_) return std::nullopt;
  Invitation invitation = std::move(found->second);
  invited_.erase(found);
  if (invitation.until <= clock_.now()) return std::nullopt;
  return std::move(invitation.guest);
}

void Rendezvous::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    invited_.clear();
  }
  base::signalEvent(ended_);
  if (acceptor_.joinable()) acceptor_.join();
  for (Connection& connection : connections_)
    base::signalEvent(connection.ended);
  for (Connection& connection : connections_)
    connection.end();
  connections_.clear();
}

void Rendezvous::accept() {
  constexpr int kPauseMs = 100;  // no descriptor is left: nothing else says when there is one
  pthread_setname_np(pthread_self(), "rendezvous");
  pollfd fds[2] = {{ended_.get(), POLLIN, 0}, {listener_.fd.get(), POLLIN, 0}};
  while (true) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    base::Fd socket(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int failure = errno;
    dropEnded();
    if (socket.valid()) {
      admit(std::move(socket));
    } else if (failure == EMFILE || failure == ENFILE || failure == ENOMEM || failure == ENOBUFS) {
      ::poll(fds, 1, kPauseMs);
    }
  }
}

void Rendezvous::dropEnded() {
  connections_.remove_if([](Connection& each) {
    if (each.phase != Connection::Phase::ended) return false;
    each.end();
    return true;
  });
}

void Rendezvous::admit(base::Fd socket) {
  const auto isWaiting = [](const Connection& each) { return each.phase == Connection::Phase::waiting; };
  const auto waiting = std::count_if(connections_.begin(), connections_.end(), isWaiting);
  if (static_cast<std::size_t>(waiting) >= config_.maxWaiting) {
    const auto oldest = std::find_if(connections_.begin(), connections_.end(), [](Connection& each) {
      return each.become(Connection::Phase::evicted, Connection::Phase::waiting);
    });
    if (oldest != connections_.end()) {
      oldest->end();
      connections_.erase(oldest);
    }
  }
  Connection& connection = connections_.emplace_back();
  connection.socket = std::move(socket);
  try {
    connection.thread = std::thread([this, &connection] { serve(connection); });
  } catch (const std::system_error& failure) {
    base::Log("rendezvous").warn("a connection has no thread", {{"error", failure.what()}});
    connections_.pop_back();
  }
}

/// The top of a connection's thread: what goes wrong is told to nobody, since nobody has shown a secret.
void Rendezvous::serve(Connection& connection) {
  pthread_setname_np(pthread_self(), "rendezvous-io");
  try {
    RendezvousLink link(std::move(connection.socket), tlsContext(config_), connection.ended);
    const auto secret = link.firstLine(config_.greeting);
    auto guest = secret ? take(*secret) : std::nullopt;
    if (guest && connection.become(Connection::Phase::running, Connection::Phase::waiting)) {
      if (link.say("rendezvous\r\n", config_.greeting)) {
        link.carry({.terminal = guest->terminal,
                    .terminalType = guest->terminalType,
                    .session = std::move(guest->session)});
        link.close(kGoodbye);
      }
    }
  } catch (const Poco::Exception& failure) {
    base::Log("rendezvous").debug("connection lost", {{"error", failure.displayText()}});
  } catch (const std::exception& failure) {
    base::Log("rendezvous").warn("connection failed", {{"error", failure.what()}});
  }
  connection.phase = Connection::Phase::ended;
}

}  // namespace controller
