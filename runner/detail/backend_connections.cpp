#include "runner/detail/backend_connections.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

namespace runner::detail {
namespace {

// Of the kernel's include/net/tcp_states.h, as the table prints them.
constexpr std::string_view kEstablished = "01";
constexpr std::string_view kSynSent = "02";

template <typename Number>
std::optional<Number> hexadecimal(std::string_view text) {
  Number number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// "0500D20A:1388" is 10.210.0.5:5000: the address is printed as this machine's number of what is in network
/// order, the port as a number.
std::optional<std::string> addressOf(std::string_view entry) {
  const auto colon = entry.find(':');
  if (colon != 8) return std::nullopt;
  const auto host = hexadecimal<std::uint32_t>(entry.substr(0, colon));
  const auto port = hexadecimal<std::uint16_t>(entry.substr(colon + 1));
  if (!host || !port) return std::nullopt;
  char text[INET_ADDRSTRLEN];
  const in_addr address{*host};
  if (::inet_ntop(AF_INET, &address, text, sizeof text) == nullptr) return std::nullopt;
  return std::string(text) + ":" + std::to_string(*port);
}

}  // namespace

BackendConnections::BackendConnections(std::filesystem::path table, std::chrono::milliseconds keep)
    : table_(std::move(table)), keep_(keep) {}

bool BackendConnections::openTo(const std::string& address) {
  const auto now = std::chrono::steady_clock::now();
  if (lookedAt_ == std::chrono::steady_clock::time_point() || now - lookedAt_ >= keep_) {
    look();
    lookedAt_ = now;
  }
  return open_.contains(address);
}

void BackendConnections::look() {
  open_.clear();
  std::ifstream table(table_);
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string number, local, remote, state;
    if (!(fields >> number >> local >> remote >> state)) continue;
    if (state != kEstablished && state != kSynSent) continue;
    if (auto address = addressOf(remote)) open_.insert(std::move(*address));
  }
}

}  // namespace runner::detail
