#include "gitd/detail/receive_commands.h"

#include "base/error.h"
#include "base/strings.h"
#include "gitd/detail/ref_name.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxCommandBytes = 3u << 20;
constexpr std::size_t kMaxShallow = 10'000;
constexpr std::size_t kMaxOptions = 100;
constexpr std::size_t kMaxOptionBytes = 16u << 10;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

RefUpdate parseUpdate(std::string_view line) {
  // "OLD NEW REF"
  const bool shaped = line.size() > 82 && line[40] == ' ' && line[81] == ' ';
  if (!shaped || !isObjectId(line.substr(0, 40)) || !isObjectId(line.substr(41, 40))) {
    refuse("protocol error: expected old, new and ref, got '" + base::printable(line) + "'");
  }
  return RefUpdate{std::string(line.substr(82)), std::string(line.substr(0, 40)),
                   std::string(line.substr(41, 40))};
}

std::set<std::string> parseCapabilities(std::string_view text) {
  std::set<std::string> capabilities;
  for (std::string& word : base::split(text, ' ')) {
    if (!word.empty()) capabilities.insert(std::move(word));
  }
  return capabilities;
}

void readOptions(git::PktReader& reader, PushCommands& commands) {
  std::size_t bytes = 0;
  for (git::Pkt pkt = reader.next(); pkt.kind == git::PktKind::data; pkt = reader.next()) {
    bytes += pkt.payload.size();
    if (commands.options.size() == kMaxOptions || bytes > kMaxOptionBytes) refuse("too many push options");
    commands.options.emplace_back(pkt.payload);
  }
}

}  // namespace

PushCommands readPushCommands(git::PktReader& reader, std::uint32_t maxCommands) {
  PushCommands commands;
  std::size_t bytes = 0;
  std::size_t shallowLines = 0;
  for (git::Pkt pkt = reader.next(); pkt.kind == git::PktKind::data; pkt = reader.next()) {
    bytes += pkt.payload.size();
    if (bytes > kMaxCommandBytes)
      refuse("the list of refs to push is longer than " + base::formatBytes(kMaxCommandBytes));
    std::string_view line = pkt.payload;
    if (line.starts_with("shallow ")) {
      commands.shallow = true;
      if (++shallowLines > kMaxShallow) refuse("the clone that you push from is cut off in too many places");
      continue;
    }
    if (line.starts_with("push-cert")) refuse("signed pushes are not supported: push without --signed");
    if (const std::size_t nul = line.find('\0'); nul != std::string_view::npos) {
      if (commands.updates.empty()) commands.capabilities = parseCapabilities(line.substr(nul + 1));
      line = line.substr(0, nul);
    }
    if (commands.updates.size() == maxCommands) {
      refuse("more than " + std::to_string(maxCommands) + " refs in one push (setting push_max_commands)");
    }
    commands.updates.push_back(parseUpdate(line));
  }
  if (!commands.updates.empty() && commands.wants("push-options")) readOptions(reader, commands);
  return commands;
}

}  // namespace gitd::detail
