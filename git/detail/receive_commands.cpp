#include "git/detail/receive_commands.h"

#include "base/error.h"
#include "base/strings.h"

namespace git::detail {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

[[noreturn]] void overLimit(const std::string& what, const Limit& limit) {
  refuse(what + " than " + std::to_string(limit.value) + " (setting " + limit.setting + ")");
}

PushCommand parseCommand(ObjectFormat format, std::string_view line) {
  // "OLD NEW REF"
  const std::size_t hexSize = idSize(format) * 2;
  const auto oldId = ObjectId::parse(format, line.substr(0, hexSize));
  const bool shaped = line.size() > hexSize * 2 + 2 && line[hexSize] == ' ' && line[hexSize * 2 + 1] == ' ';
  const auto newId = shaped ? ObjectId::parse(format, line.substr(hexSize + 1, hexSize)) : std::nullopt;
  if (!oldId || !newId)
    refuse("protocol error: expected old/new/ref, got '" + base::printable(line, 200) + "'");
  PushCommand command;
  command.ref = line.substr(hexSize * 2 + 2);
  command.oldId = *oldId;
  command.newId = *newId;
  return command;
}

std::set<std::string> parseCapabilities(std::string_view text) {
  std::set<std::string> capabilities;
  for (std::string& word : base::split(text, ' ')) {
    if (!word.empty()) capabilities.insert(std::move(word));
  }
  return capabilities;
}

void checkFormat(ObjectFormat format, const std::set<std::string>& capabilities) {
  constexpr std::string_view kKey = "object-format=";
  std::string_view wanted = name(ObjectFormat::sha1);
  for (const std::string& capability : capabilities) {
    if (capability.starts_with(kKey)) wanted = std::string_view(capability).substr(kKey.size());
  }
  if (wanted != name(format)) {
    refuse("error: unsupported object format '" + base::printable(wanted, 40) + "': this repository's is " +
           std::string(name(format)));
  }
}

std::vector<std::string> readOptions(PktReader& reader, const Limit& limit) {
  std::vector<std::string> options;
  std::size_t bytes = 0;
  for (Pkt pkt = reader.next(); pkt.kind == PktKind::data; pkt = reader.next()) {
    bytes += pkt.payload.size() + kPktHeader;
    if (bytes > limit.value) overLimit("the push options are longer", limit);
    options.emplace_back(pkt.payload);
  }
  return options;
}

}  // namespace

PushRequestLines readPushRequest(PktReader& reader, ObjectFormat format, const ReceiveSettings& settings) {
  constexpr std::string_view kShallow = "shallow ";
  PushRequestLines lines;
  std::size_t bytes = 0;
  for (Pkt pkt = reader.next(); pkt.kind != PktKind::flush; pkt = reader.next()) {
    if (pkt.kind == PktKind::endOfInput)
      throw base::Error(base::Errc::cancelled, "the remote end hung up unexpectedly");
    if (pkt.kind != PktKind::data) refuse("protocol error: got an unexpected packet");
    bytes += pkt.payload.size();
    if (bytes > settings.commandBytes.value)
      overLimit("the list of refs to push is longer", settings.commandBytes);
    std::string_view line = pkt.payload;
    if (line.starts_with(kShallow)) {
      const auto id = ObjectId::parse(format, line.substr(kShallow.size()));
      if (!id)
        refuse("protocol error: expected shallow sha, got '" + base::printable(line.substr(8), 80) + "'");
      if (lines.shallow.size() == settings.shallowLines.value)
        overLimit("the clone that you push from is cut off in more places", settings.shallowLines);
      lines.shallow.push_back(*id);
      continue;
    }
    if (line.starts_with("push-cert")) refuse("signed pushes are not supported: push without --signed");
    if (const std::size_t nul = line.find('\0'); nul != std::string_view::npos) {
      if (lines.commands.empty()) {
        lines.capabilities = parseCapabilities(line.substr(nul + 1));
        checkFormat(format, lines.capabilities);
      }
      line = line.substr(0, nul);
    }
    if (lines.commands.size() == settings.commands.value)
      overLimit("there are more refs in one push", settings.commands);
    lines.commands.push_back(parseCommand(format, line));
  }
  if (!lines.commands.empty() && settings.advertisePushOptions && lines.wants("push-options"))
    lines.options = readOptions(reader, settings.optionBytes);
  return lines;
}

}  // namespace git::detail
