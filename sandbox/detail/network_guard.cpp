#include "sandbox/detail/network_guard.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/child_process.h"
#include "base/error.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/strings.h"
#include "sandbox/detail/dns_message.h"
#include "sandbox/detail/ipv4.h"
#include "sandbox/detail/packet_log.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
using Steady = std::chrono::steady_clock;

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kMaxPending = 64;
constexpr std::size_t kMaxTold = 100;
constexpr std::size_t kMaxExceptions = 4'000;
constexpr int kMaxTries = 4;
constexpr auto kTryFor = std::chrono::seconds(2);
constexpr std::size_t kMessageBytes = 4096;

/// The calling thread is in another network namespace while it lives.
class NamespaceVisit {
 public:
  explicit NamespaceVisit(const base::Fd& there)
      : home_(base::openFile("/proc/thread-self/ns/net", O_RDONLY)) {
    if (::setns(there.get(), CLONE_NEWNET) != 0) base::throwErrno(errno, "entering a container's network");
  }
  ~NamespaceVisit() {
    // A thread that is lost in a container's network must not go on.
    if (::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
  }
  NamespaceVisit(const NamespaceVisit&) = delete;
  NamespaceVisit& operator=(const NamespaceVisit&) = delete;

 private:
  base::Fd home_;
};

sockaddr_in endpoint(std::uint32_t address, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(address);
  return name;
}

base::Fd udpSocket() {
  base::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) base::throwErrno(errno, "making a socket");
  return socket;
}

base::Fd resolverSocket(const base::Fd& network) {
  const NamespaceVisit visit(network);
  base::Fd socket = udpSocket();
  const sockaddr_in name = endpoint(INADDR_LOOPBACK, kDnsPort);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    base::throwErrno(errno, "listening in a container's network");
  return socket;
}

std::optional<base::Fd> logSocket(const base::Fd& network) {
  const NamespaceVisit visit(network);
  return openPacketLog();
}

std::uint16_t randomId() {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id))
    base::throwErrno(errno, "taking a random number");
  return id;
}

/// Names of services (_http._tcp.HOST) stand for their host.
std::string withoutService(std::string name) {
  while (name.starts_with('_') && name.find('.') != std::string::npos)
    name.erase(0, name.find('.') + 1);
  return name;
}

std::vector<std::uint16_t> portsOf(const AllowedHost& host) {
  constexpr std::uint16_t kHttp = 80;
  constexpr std::uint16_t kHttps = 443;
  return host.port == 0 ? std::vector{kHttp, kHttps} : std::vector{host.port};
}

std::optional<std::uint32_t> addressOf(const std::string& text) {
  in_addr raw{};
  if (::inet_pton(AF_INET, text.c_str(), &raw) != 1) return std::nullopt;
  return ntohl(raw.s_addr);
}

}  // namespace

bool covers(const AllowedHost& host, const std::string& name) {
  if (!host.name.starts_with("*.")) return host.name == name;
  const std::string_view below = std::string_view(host.name).substr(1);
  return name.size() > below.size() && name.ends_with(below);
}

std::string guardRules(const std::string& log) {
  return "-A OUTPUT -o lo -j ACCEPT\n" + log +
         "-A OUTPUT -p tcp -j REJECT --reject-with tcp-reset\n"
         "-A OUTPUT -j REJECT --reject-with icmp-port-unreachable\n";
}

std::string guardException(std::uint32_t address, std::uint16_t port) {
  return "-I OUTPUT -d " + Ipv4Network{address, 32}.str() + " -p tcp --dport " + std::to_string(port) +
         " -j ACCEPT\n";
}

class NetworkGuard::Worker {
 public:
  explicit Worker(Setup setup)
      : setup_(std::move(setup)),
        network_(base::openFile("/proc/" + std::to_string(setup_.init) + "/ns/net", O_RDONLY)),
        refusedEvent_(base::makeEventFd()),
        stopEvent_(base::makeEventFd()),
        resolver_(resolverSocket(network_)),
        log_(logSocket(network_)) {
    for (const std::string& server : setup_.nameServers) {
      if (const auto address = addressOf(server)) servers_.push_back(*address);
    }
    std::string rules;
    for (const AllowedHost& host : setup_.filter.hosts) {
      const auto address = addressOf(host.name);
      if (!address) continue;
      for (const std::uint16_t port : portsOf(host))
        rules += guardException(*address, port);
    }
    const std::string log = "-A OUTPUT -j NFLOG --nflog-group " + std::to_string(kPacketLogGroup) + "\n";
    // Where the kernel cannot log packets, refused addresses have no names, that is all.
    if (!log_ || refusalOf(guardRules(log) + rules)) apply(guardRules("") + rules);
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
    ::pthread_setname_np(thread_.native_handle(), "name-filter");
  }
  ~Worker() {
    thread_.request_stop();
    base::signalEvent(stopEvent_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const base::Fd& refusedEvent() const noexcept { return refusedEvent_; }
  void finish() {
    thread_.request_stop();
    base::signalEvent(stopEvent_);
    if (thread_.joinable()) thread_.join();
    // The thread may have ended before it saw the last packets.
    while (log_ && takeLog()) {
    }
  }
  std::vector<std::string> takeRefused() {
    base::drainEvent(refusedEvent_);
    return refused_.with([](auto& names) { return std::exchange(names, {}); });
  }

 private:
  /// A question that a name server was asked.
  struct Pending {
    DnsQuestion question;
    sockaddr_in client;
    base::Fd socket;
    std::uint16_t id = 0;
    int tries = 0;
    Steady::time_point deadline;
  };

  void work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      try {
        step();
      } catch (const std::exception& error) {  // the top of a worker's job; the container asks again
        base::Log("sandbox").warn("a container's name was not resolved", {{"reason", error.what()}});
      }
    }
  }

  void step() {
    std::vector<pollfd> entries{
        {stopEvent_.get(), POLLIN, 0}, {resolver_.get(), POLLIN, 0}, {log_ ? log_->get() : -1, POLLIN, 0}};
    const std::size_t own = entries.size();
    auto wake = Steady::now() + std::chrono::minutes(1);
    for (const Pending& each : pending_) {
      entries.push_back({each.socket.get(), POLLIN, 0});
      wake = std::min(wake, each.deadline);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake - Steady::now()).count();
    if (::poll(entries.data(), entries.size(), static_cast<int>(std::max<std::int64_t>(left, 0))) < 0 &&
        errno != EINTR)
      base::throwErrno(errno, "waiting for a container's questions");
    // Backwards, since what is answered goes.
    for (std::size_t i = pending_.size(); i-- > 0;) {
      if (entries[i + own].revents != 0 ? answered(pending_[i]) : expired(pending_[i]))
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (entries[1].revents != 0) takeQuestion();
    if (entries[2].revents != 0) takeLog();
  }

  /// False when nothing is there.
  bool takeLog() {
    std::array<char, 4 * kMessageBytes> buffer;
    const ssize_t count = ::recv(log_->get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count <= 0) return false;  // more than fits into the socket is lost: 100 are told in all
    for (const std::string& target : loggedTargets({buffer.data(), static_cast<std::size_t>(count)}))
      tell(target);
    return true;
  }

  void takeQuestion() {
    std::array<char, kMessageBytes> buffer;
    sockaddr_in client{};
    socklen_t length = sizeof client;
    const ssize_t count = ::recvfrom(resolver_.get(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&client), &length);
    if (count <= 0) return;
    auto question = DnsQuestion::parse({buffer.data(), static_cast<std::size_t>(count)});
    if (!question) return;
    const std::string host = withoutService(question->name);
    const bool reverse = host == "arpa" || host.ends_with(".arpa");
    if (reverse || host.empty() || !allowed(host)) {
      if (!reverse && !host.empty()) tell(host);
      return reply(*question, client, DnsCode::noSuchName, {});
    }
    // No IPv6, no services: a container has IPv4 only, and what it asks leads to rules for addresses.
    if (question->type != kDnsTypeA || host != question->name)
      return reply(*question, client, DnsCode::ok, {});
    if (pending_.size() >= kMaxPending || servers_.empty())
      return reply(*question, client, DnsCode::serverFailed, {});
    pending_.push_back({.question = *std::move(question),
                        .client = client,
                        .socket = {},
                        .id = 0,
                        .tries = 0,
                        .deadline = {}});
    if (!ask(pending_.back())) pending_.pop_back();
  }

  bool allowed(const std::string& name) const {
    return std::any_of(setup_.filter.hosts.begin(), setup_.filter.hosts.end(),
                       [&](const AllowedHost& host) { return covers(host, name); });
  }

  /// Sends a question to the next name server, from a new port; false when it was answered here instead.
  bool ask(Pending& pending) {
    pending.id = randomId();
    const auto query = dnsQuery(pending.id, pending.question.name);
    if (!query) {
      reply(pending.question, pending.client, DnsCode::noSuchName, {});
      return false;
    }
    const std::uint32_t server = servers_[static_cast<std::size_t>(pending.tries) % servers_.size()];
    ++pending.tries;
    pending.deadline = Steady::now() + kTryFor;
    pending.socket = udpSocket();
    const sockaddr_in name = endpoint(server, kDnsPort);
    // What cannot be sent is tried again when its time is over.
    if (::connect(pending.socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0)
      (void)!::send(pending.socket.get(), query->data(), query->size(), MSG_NOSIGNAL);
    return true;
  }

  /// Whether the question is done with.
  bool answered(Pending& pending) {
    std::array<char, kMessageBytes> buffer;
    const ssize_t count = ::recv(pending.socket.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    const auto answer =
        parseDnsAnswer({buffer.data(), static_cast<std::size_t>(count)}, pending.id, pending.question.name);
    if (!answer) return false;  // not what was asked for: the real one may come still
    if (answer->code == DnsCode::serverFailed && pending.tries < kMaxTries) return !ask(pending);
    allow(pending.question.name, answer->addresses);
    reply(pending.question, pending.client, answer->code, answer->addresses);
    return true;
  }

  bool expired(Pending& pending) {
    if (Steady::now() < pending.deadline) return false;
    if (pending.tries < kMaxTries) return !ask(pending);
    reply(pending.question, pending.client, DnsCode::serverFailed, {});
    return true;
  }

  /// Before the container is told: it connects at once.
  void allow(const std::string& name, const std::vector<std::uint32_t>& addresses) {
    std::string rules;
    for (const AllowedHost& host : setup_.filter.hosts) {
      if (!covers(host, name)) continue;
      for (const std::uint32_t address : addresses) {
        for (const std::uint16_t port : portsOf(host)) {
          if (exceptions_.size() < kMaxExceptions && exceptions_.insert({address, port}).second)
            rules += guardException(address, port);
        }
      }
    }
    if (!rules.empty()) apply(rules);
  }

  void apply(const std::string& rules) const {
    if (const auto refusal = refusalOf(rules))
      throw Error(Errc::unavailable, "iptables refuses the rules of a build's network: " + *refusal);
  }

  // Our own descriptor names the namespace: it cannot become another one meanwhile.
  std::optional<std::string> refusalOf(const std::string& rules) const {
    const auto program = base::findProgram("iptables-restore");
    if (!program)
      throw Error(Errc::unavailable, "a build's network list needs iptables: install the package iptables");
    const std::string network =
        "--net=/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(network_.get());
    const auto output = base::runCommand({"nsenter", network, "--", *program, "-w", "--noflush"},
                                         {.input = "*filter\n" + rules + "COMMIT\n"});
    if (output.status.ok()) return std::nullopt;
    return base::printable(base::trim(output.err), 300);
  }

  void reply(const DnsQuestion& question, const sockaddr_in& client, DnsCode code,
             const std::vector<std::uint32_t>& addresses) const {
    const std::string message = dnsReply(question, code, addresses);
    (void)!::sendto(resolver_.get(), message.data(), message.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&client), sizeof client);
  }

  void tell(const std::string& host) {
    if (told_.size() >= kMaxTold || !told_.insert(host).second) return;
    refused_.with([&](auto& names) { names.push_back(host); });
    base::signalEvent(refusedEvent_);
  }

  const Setup setup_;
  const base::Fd network_;
  const base::Fd refusedEvent_;
  const base::Fd stopEvent_;
  const base::Fd resolver_;
  const std::optional<base::Fd> log_;
  std::vector<std::uint32_t> servers_;
  // Of the thread alone.
  std::vector<Pending> pending_;
  std::set<std::string> told_;
  std::set<std::pair<std::uint32_t, std::uint16_t>> exceptions_;

  base::Guarded<std::vector<std::string>> refused_;
  std::jthread thread_;  // last: it uses what is above
};

NetworkGuard::NetworkGuard(Setup setup) : worker_(std::make_unique<Worker>(std::move(setup))) {}
NetworkGuard::~NetworkGuard() = default;

const base::Fd& NetworkGuard::refusedEvent() const noexcept {
  return worker_->refusedEvent();
}

void NetworkGuard::finish() {
  worker_->finish();
}

std::vector<std::string> NetworkGuard::takeRefused() {
  return worker_->takeRefused();
}

}  // namespace sandbox
