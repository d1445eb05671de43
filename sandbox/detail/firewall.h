// The packet filter's rules for a bridge.
#pragma once

#include <string>

#include "sandbox/detail/ipv4.h"

namespace sandbox {

/// What iptables must hold so that containers reach the outside and the outside does not reach them: also
/// where other programs (docker, ufw) let FORWARD drop by default. Immutable; calls on one bridge are made
/// one at a time. Throws unavailable.
class Firewall {
 public:
  Firewall(std::string bridge, Ipv4Network subnet);
  /// Installs the rules unless they are there.
  void ensure() const;
  /// Removes them; twice installed ones (by a daemon that was killed between) too.
  void remove() const;

 private:
  std::string bridge_;
  Ipv4Network subnet_;
};

}  // namespace sandbox
