#include "sandbox/detail/ipv4.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;

std::uint32_t maskOf(unsigned prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
}

struct RouteLine {
  std::string interface;
  Ipv4Network network;
};

// Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask ...; addresses are hexadecimal numbers in
// network byte order as the host reads them.
std::vector<RouteLine> parseLines(std::string_view table) {
  std::vector<RouteLine> lines;
  bool heading = true;
  for (const std::string& text : base::split(table, '\n')) {
    if (std::exchange(heading, false)) continue;
    std::istringstream in(text);
    std::string interface, gateway, flags, references, use, metric;
    std::uint32_t destination = 0, mask = 0;
    if (!(in >> interface >> std::hex >> destination >> gateway >> flags >> references >> use >> metric >>
          mask))
      continue;
    lines.push_back({interface, {ntohl(destination), static_cast<unsigned>(std::popcount(mask))}});
  }
  return lines;
}

}  // namespace

Ipv4Network Ipv4Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  in_addr raw{};
  std::uint64_t prefix = 0;
  const std::string address(text.substr(0, slash));
  if (slash == std::string_view::npos || ::inet_pton(AF_INET, address.c_str(), &raw) != 1 ||
      !base::parseNumber(text.substr(slash + 1), prefix) || prefix > 32)
    throw Error(Errc::invalidArgument, base::printable(text) + " is not an IPv4 network like 10.210.0.0/16");
  const Ipv4Network network{ntohl(raw.s_addr), static_cast<unsigned>(prefix)};
  if ((network.address & ~maskOf(network.prefix)) != 0)
    throw Error(Errc::invalidArgument, base::printable(text) + " has bits set behind its prefix");
  return network;
}

std::string Ipv4Network::str() const {
  const in_addr raw{htonl(address)};
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &raw, text, sizeof text);
  return std::string(text) + "/" + std::to_string(prefix);
}

bool Ipv4Network::overlaps(const Ipv4Network& other) const {
  const std::uint32_t mask = maskOf(std::min(prefix, other.prefix));
  return (address & mask) == (other.address & mask);
}

std::vector<Ipv4Route> parseRoutes(std::string_view table) {
  std::vector<Ipv4Route> routes;
  for (const RouteLine& line : parseLines(table)) {
    if (line.network.prefix != 0) routes.push_back({line.network, line.interface});
  }
  return routes;
}

std::string defaultInterface(std::string_view table) {
  for (const RouteLine& line : parseLines(table)) {
    if (line.network.prefix == 0) return line.interface;
  }
  return "";
}

bool usable(const Ipv4Network& network, const Ipv4Network& pool, const std::vector<Ipv4Route>& taken) {
  return std::none_of(taken.begin(), taken.end(), [&](const Ipv4Route& route) {
    return route.network.prefix >= pool.prefix && network.overlaps(route.network);
  });
}

std::optional<Ipv4Network> freeNetwork(const Ipv4Network& pool, unsigned prefix, std::uint64_t start,
                                       const std::vector<Ipv4Route>& taken) {
  if (prefix < pool.prefix)
    throw Error(Errc::invalidArgument,
                "the pool " + pool.str() + " holds no network of " + std::to_string(prefix) + " bits");
  const std::uint64_t count = std::uint64_t{1} << (prefix - pool.prefix);
  std::optional<Ipv4Network> second;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::uint32_t>((start + i) % count);
    const Ipv4Network network{pool.address + (number << (32 - prefix)), prefix};
    const bool clear = std::none_of(taken.begin(), taken.end(),
                                    [&](const Ipv4Route& route) { return network.overlaps(route.network); });
    if (clear) return network;
    if (!second && usable(network, pool, taken)) second = network;
  }
  return second;
}

}  // namespace sandbox
