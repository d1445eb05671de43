// The part of DNS that a filter needs: questions of containers, addresses from name servers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

inline constexpr std::uint16_t kDnsTypeA = 1;

enum class DnsCode : std::uint8_t { ok = 0, malformed = 1, serverFailed = 2, noSuchName = 3 };

/// A message with one question, as a resolver library sends it. (RFC 1035, 4.1.)
struct DnsQuestion {
  std::uint16_t id = 0;
  std::string name;  ///< small letters, no dot at its end; bytes that no host name has are '?'
  std::uint16_t type = 0;
  std::uint16_t net = 0;  ///< class: 1 is the internet
  std::string raw;        ///< the question section's bytes, for the reply

  /// nullopt for what is no question, or holds several.
  static std::optional<DnsQuestion> parse(std::string_view message);
};

/// A reply with addresses (host byte order; as many as 512 bytes hold) of short life.
std::string dnsReply(const DnsQuestion& question, DnsCode code, const std::vector<std::uint32_t>& addresses);

/// A question for a name's IPv4 addresses; nullopt when the name does not fit into one.
std::optional<std::string> dnsQuery(std::uint16_t id, std::string_view name);

struct DnsAnswer {
  DnsCode code = DnsCode::serverFailed;
  std::vector<std::uint32_t> addresses;  ///< of all A records, whatever aliases lead to them
};

/// What a name server said to dnsQuery(id, name); nullopt for anything else.
std::optional<DnsAnswer> parseDnsAnswer(std::string_view message, std::uint16_t id, std::string_view name);

}  // namespace sandbox
