// The name servers that containers ask.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// What a container's resolv.conf is made from.
struct ResolverSources {
  std::string configured;  ///< comma separated; wins when not empty
  std::string host;        ///< text of /etc/resolv.conf
  std::string upstream;    ///< text of /run/systemd/resolve/resolv.conf: what is behind a local stub
};

struct ResolverFile {
  std::string text;
  bool guessed = false;  ///< the host names only servers on its loopback, which containers cannot reach:
                         ///< public ones were taken
};

/// Name servers of the first source that has one outside 127.0.0.0/8 and ::1, with the host's search list and
/// options. Throws invalidArgument when `configured` holds something other than addresses. (resolv.conf(5).)
ResolverFile makeResolvConf(const ResolverSources& sources);

/// The IPv4 addresses in a resolv.conf.
std::vector<std::string> nameServersOf(std::string_view text);

/// makeResolvConf() from this host's files.
ResolverFile hostResolvConf(const std::string& configured);

}  // namespace sandbox
