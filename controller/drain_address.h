// Which addresses drains may send to.
#pragma once

#include <Poco/Net/IPAddress.h>

namespace controller {

/// Whether receivers on this machine and its link are allowed; setting drains_local_receivers.
enum class LocalReceivers { refused, allowed };

/// Throws permissionDenied, naming the setting, for loopback, link-local (where clouds tell secrets to
/// whoever asks), unspecified and multicast addresses, also as IPv4 within IPv6: whoever may operate an app
/// must not reach what trusts this machine. Asked when a name was resolved, just before connecting.
void requireReceiver(const Poco::Net::IPAddress& address, LocalReceivers local);

}  // namespace controller
