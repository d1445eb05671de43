#include "gitd/detail/shell_protocol.h"

#include "base/error.h"
#include "base/json.h"

namespace gitd::detail {

std::string encodeCall(const ShellCall& call) {
  auto json = base::makeJsonObject();
  json->set("want", call.want == ShellCall::Want::serve ? "serve" : "identify");
  json->set("key", call.fingerprint);
  json->set("command", call.commandLine);
  json->set("protocol", call.gitProtocol);
  json->set("peer", call.peer);
  return base::toJson(json) + "\n";
}

ShellCall decodeCall(std::string_view line) {
  const auto json = base::parseJsonObject(line, "the request", kMaxShellRequest);
  const std::string want = base::jsonString(json, "want");
  if (want != "serve" && want != "identify")
    throw base::Error(base::Errc::invalidArgument,
                      "the daemon does not know this request: is it of the same version?");
  return {want == "serve" ? ShellCall::Want::serve : ShellCall::Want::identify, base::jsonString(json, "key"),
          base::jsonString(json, "command"), base::jsonString(json, "protocol"),
          base::jsonString(json, "peer")};
}

void appendFrame(std::string& out, ShellFrame kind, std::string_view bytes) {
  out.push_back(static_cast<char>(kind));
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(bytes.size() >> shift));
  out.append(bytes);
}

std::optional<ShellFrames::Frame> ShellFrames::next() {
  if (buffer_.size() < kShellFrameHeader) return std::nullopt;
  const auto kind = static_cast<ShellFrame>(buffer_[0]);
  std::size_t length = 0;
  for (std::size_t i = 1; i < kShellFrameHeader; ++i)
    length = length << 8 | static_cast<unsigned char>(buffer_[i]);
  const bool known = kind == ShellFrame::out || kind == ShellFrame::err || kind == ShellFrame::exit;
  if (!known || length > kMaxShellFrame)
    throw base::Error(base::Errc::corrupt, "the daemon's answer makes no sense: is it of the same version?");
  if (buffer_.size() < kShellFrameHeader + length) return std::nullopt;
  Frame frame{kind, buffer_.substr(kShellFrameHeader, length)};
  buffer_.erase(0, kShellFrameHeader + length);
  return frame;
}

}  // namespace gitd::detail
