// What a filtered container may reach: a resolver and packet rules of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/container.h"

namespace sandbox {

/// For the time of one container, made between its creation and its start. In the container's network
/// namespace, where nothing in it has the right to change them: a resolver at 127.0.0.1:53 that knows the
/// allowed names only (any other does not exist, which programs take as final), and packet rules that let
/// through what was answered and refuse the rest at once. On a thread of its own ("name-filter"). Both go
/// with the namespace.
class NetworkGuard {
 public:
  struct Setup {
    pid_t init = 0;  ///< process in the namespace
    NetworkFilter filter;
    std::vector<std::string> nameServers;  ///< IPv4 addresses, asked from the host
  };
  /// Throws unavailable when the rules cannot be made.
  explicit NetworkGuard(Setup setup);
  ~NetworkGuard();
  NetworkGuard(const NetworkGuard&) = delete;
  NetworkGuard& operator=(const NetworkGuard&) = delete;

  /// Readable when takeRefused() has something.
  const base::Fd& refusedEvent() const noexcept;
  /// Hosts refused since the last call: each is told once, 100 in all. Thread-safe.
  std::vector<std::string> takeRefused();
  /// When the container has ended: afterwards takeRefused() has all that it was refused. Ends the thread.
  void finish();

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

/// The container's resolv.conf.
inline constexpr const char* kGuardedResolvConf = "nameserver 127.0.0.1\n";

/// Whether an allowed host's pattern covers a name (both in small letters).
bool covers(const AllowedHost& host, const std::string& name);
/// iptables-restore's text that refuses everything (`log`: a rule before that), and what lets one address
/// through.
std::string guardRules(const std::string& log);
std::string guardException(std::uint32_t address, std::uint16_t port);

}  // namespace sandbox
