#include "gitd/detail/ssh_refusal.h"

#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace gitd::detail {
namespace {

constexpr char kDisconnect = 1;
constexpr std::uint32_t kTooManyConnections = 12;
constexpr std::size_t kBlock = 8;  // without a cipher
constexpr std::size_t kMinPadding = 4;
constexpr std::size_t kLengthBytes = 4;

void appendNumber(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(number >> shift));
}

void appendText(std::string& out, std::string_view text) {
  appendNumber(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

std::string plainPacket(const std::string& payload) {
  std::size_t padding = kBlock - (kLengthBytes + 1 + payload.size()) % kBlock;
  if (padding < kMinPadding) padding += kBlock;
  std::string packet;
  appendNumber(packet, static_cast<std::uint32_t>(1 + payload.size() + padding));
  packet.push_back(static_cast<char>(padding));
  packet.append(payload).append(padding, '\0');
  return packet;
}

}  // namespace

// OpenSSH tells only its own kind that the reader of a channel has died (eow@openssh.com), and that is all
// there is to know when somebody kills git and not its ssh: the word in front asks for it.
const char* const kSoftware = "OpenSSH_compatible_Fairlead_" FAIRLEAD_VERSION;

std::string refusalBytes(std::string_view sentence) {
  std::string payload(1, kDisconnect);
  appendNumber(payload, kTooManyConnections);
  appendText(payload, sentence);
  appendText(payload, "");  // language
  return std::string("SSH-2.0-").append(kSoftware).append("\r\n").append(plainPacket(payload));
}

void refuse(base::Fd socket, std::string_view sentence) {
  const std::string bytes = refusalBytes(sentence);
  ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket.get(), SHUT_WR);
  // Closing with bytes unread would reset the connection, and the client would never see the sentence.
  std::array<char, 4096> unread{};
  while (::recv(socket.get(), unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
  }
}

}  // namespace gitd::detail
