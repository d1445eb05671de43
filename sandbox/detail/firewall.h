// The packet filter's rules for a bridge.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/detail/ipv4.h"

namespace sandbox {

struct HostService {
  std::uint32_t address = 0;  ///< host byte order; 0: any of this host's
  std::uint16_t port = 0;     ///< TCP
};

/// What containers may reach on this host and at link-local addresses; all else there is refused.
struct HostDoors {
  std::vector<std::string> nameServers;  ///< IPv4 addresses, port 53
  std::vector<HostService> hostServices;
};

/// "10.0.0.1:5432, *:443", where * is any address of this host; throws invalidArgument naming the setting
/// host_services.
std::vector<HostService> parseHostServices(const std::string& text);

/// What iptables must hold so that containers reach the outside and the outside does not reach them: also
/// where other programs (docker, ufw) let FORWARD drop by default. Refused at once, with a reset or an ICMP
/// message: this host's own addresses, other containers, link-local addresses and what clouds use beside them
/// for their metadata. The rules lie in chains named after the bridge. Immutable; calls on one bridge are
/// made one at a time. Throws unavailable.
class Firewall {
 public:
  /// `groups`: addresses of containers that do reach each other.
  Firewall(std::string bridge, Ipv4Network subnet, HostDoors doors,
           std::vector<std::vector<std::string>> groups = {});
  /// Installs the rules unless they are there.
  void ensure() const;
  /// The same for what lies in the bridge's own chains: another set of groups.
  void refresh() const;
  /// Removes them; twice installed ones (by a daemon that was killed between) too.
  void remove() const;

 private:
  std::string chains() const;

  std::string bridge_;
  Ipv4Network subnet_;
  HostDoors doors_;
  std::vector<std::vector<std::string>> groups_;
};

}  // namespace sandbox
