// IPv4 networks as values, and the interfaces of this host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

struct Ipv4Network {
  std::uint32_t address = 0;  ///< first address, host byte order
  unsigned prefix = 32;

  /// "10.210.4.0/22"; throws invalidArgument, also when bits behind the prefix are set.
  static Ipv4Network parse(std::string_view text);
  std::string str() const;
  bool overlaps(const Ipv4Network& other) const;
  bool operator==(const Ipv4Network&) const = default;
};

struct Ipv4Route {
  Ipv4Network network;
  std::string interface;
};

/// Routes other than the default one. `table` is the text of /proc/net/route.
std::vector<Ipv4Route> parseRoutes(std::string_view table);
/// The interface of the default route, or "".
std::string defaultInterface(std::string_view table);

/// A free network of `prefix` bits in the pool, tried from number `start` on (modulo their count). Routes
/// wider than the pool (a company network, 10.0.0.0/8) are avoided only while that leaves a choice; nullopt
/// when narrower ones cover the whole pool.
std::optional<Ipv4Network> freeNetwork(const Ipv4Network& pool, unsigned prefix, std::uint64_t start,
                                       const std::vector<Ipv4Route>& taken);
/// Whether a network may be used beside these routes (the rule of freeNetwork's second look).
bool usable(const Ipv4Network& network, const Ipv4Network& pool, const std::vector<Ipv4Route>& taken);

}  // namespace sandbox
