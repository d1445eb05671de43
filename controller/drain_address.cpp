#include "controller/drain_address.h"

#include <cstring>

#include "base/error.h"

namespace controller {
namespace {

using Poco::Net::IPAddress;

/// "::ffff:127.0.0.1" is 127.0.0.1, "::127.0.0.1" and the same behind NAT64 as well.
IPAddress unwrapped(const IPAddress& address) {
  if (address.family() != IPAddress::IPv6) return address;
  const auto* bytes = static_cast<const unsigned char*>(address.addr());
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr unsigned char kCompatible[12] = {};
  constexpr unsigned char kNat64[12] = {0, 0x64, 0xff, 0x9b};
  for (const auto* prefix : {kMapped, kCompatible, kNat64}) {
    if (std::memcmp(bytes, prefix, sizeof kMapped) != 0) continue;
    const bool isOwn = prefix == kCompatible && bytes[12] == 0;  // "::" and "::1"
    if (!isOwn) return IPAddress(bytes + 12, 4);
  }
  return address;
}

}  // namespace

void requireReceiver(const IPAddress& address, LocalReceivers local) {
  if (local == LocalReceivers::allowed) return;
  const IPAddress plain = unwrapped(address);
  const bool isThisNetwork =  // 0.0.0.0/8
      plain.family() == IPAddress::IPv4 && *static_cast<const unsigned char*>(plain.addr()) == 0;
  if (!plain.isLoopback() && !plain.isLinkLocal() && !plain.isWildcard() && !plain.isMulticast() &&
      !plain.isBroadcast() && !isThisNetwork)
    return;
  throw base::Error(base::Errc::permissionDenied,
                    address.toString() +
                        " is this machine or its link, where drains do not go: an operator "
                        "can allow it with the setting drains_local_receivers");
}

}  // namespace controller
