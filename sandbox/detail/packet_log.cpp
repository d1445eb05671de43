#include "sandbox/detail/packet_log.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sandbox {
namespace {

constexpr std::uint32_t kCopiedBytes = 64;  // an IP header and the ports
constexpr std::size_t kHeaders = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
constexpr std::size_t kAttributeHeader = NLA_HDRLEN;

template <typename T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T take(std::string_view bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
std::string attribute(std::uint16_t type, const T& value) {
  std::string out;
  append(out, nlattr{static_cast<std::uint16_t>(kAttributeHeader + sizeof value), type});
  append(out, value);
  out.resize(NLA_ALIGN(out.size()), '\0');
  return out;
}

bool configure(const base::Fd& socket, const std::string& attributes) {
  std::string message;
  append(message, nlmsghdr{.nlmsg_len = static_cast<std::uint32_t>(kHeaders + attributes.size()),
                           .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                           .nlmsg_seq = 1,
                           .nlmsg_pid = 0});
  append(message,
         nfgenmsg{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(kPacketLogGroup)});
  message += attributes;
  if (::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) return false;
  // The kernel answers before send() returns: an error number of 0 when it took it.
  std::array<char, 1024> answer;
  const ssize_t count = ::recv(socket.get(), answer.data(), answer.size(), 0);
  const std::string_view bytes(answer.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes.size() >= NLMSG_HDRLEN + sizeof(int) && take<nlmsghdr>(bytes, 0).nlmsg_type == NLMSG_ERROR &&
         take<int>(bytes, NLMSG_HDRLEN) == 0;
}

std::optional<std::string> targetOf(std::string_view packet) {
  constexpr std::size_t kShortestHeader = 20;
  constexpr std::size_t kProtocol = 9;
  constexpr std::size_t kDestination = 16;
  if (packet.size() < kShortestHeader || (packet[0] & 0xf0) != 0x40) return std::nullopt;
  const auto address = take<in_addr>(packet, kDestination);
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  std::string target = text.data();
  const std::size_t header = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
  const auto protocol = static_cast<unsigned char>(packet[kProtocol]);
  if ((protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && packet.size() >= header + 4)
    target += ":" + std::to_string(ntohs(take<std::uint16_t>(packet, header + 2)));
  return target;
}

// The packet among a message's attributes.
std::optional<std::string> targetIn(std::string_view attributes) {
  while (attributes.size() >= kAttributeHeader) {
    const auto header = take<nlattr>(attributes, 0);
    if (header.nla_len < kAttributeHeader || header.nla_len > attributes.size()) return std::nullopt;
    if ((header.nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD)
      return targetOf(attributes.substr(kAttributeHeader, header.nla_len - kAttributeHeader));
    attributes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<base::Fd> openPacketLog() {
  base::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (!socket.valid()) return std::nullopt;
  const nfulnl_msg_config_cmd bind{.command = NFULNL_CFG_CMD_BIND};
  nfulnl_msg_config_mode mode{};
  mode.copy_range = htonl(kCopiedBytes);
  mode.copy_mode = NFULNL_COPY_PACKET;
  const std::uint32_t atOnce = htonl(1);
  if (!configure(socket, attribute(NFULA_CFG_CMD, bind)) ||
      !configure(socket, attribute(NFULA_CFG_MODE, mode) + attribute(NFULA_CFG_QTHRESH, atOnce)))
    return std::nullopt;
  return socket;
}

std::vector<std::string> loggedTargets(std::string_view messages) {
  std::vector<std::string> targets;
  while (messages.size() >= kHeaders) {
    const auto header = take<nlmsghdr>(messages, 0);
    if (header.nlmsg_len < kHeaders || header.nlmsg_len > messages.size()) break;
    if (header.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) {
      if (auto target = targetIn(messages.substr(kHeaders, header.nlmsg_len - kHeaders)))
        targets.push_back(*std::move(target));
    }
    messages.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), messages.size()));
  }
  return targets;
}

}  // namespace sandbox
