#include "sandbox/detail/supervisor_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace sandbox {
namespace {

constexpr std::size_t kMaxBytes = 64u << 10;
constexpr std::size_t kMaxFds = 8;

/// The one descriptor that came; others are closed.
base::Fd takeFd(msghdr& message) {
  base::Fd result;
  std::size_t total = 0;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i, ++total) {
      int raw = -1;
      std::memcpy(&raw, CMSG_DATA(each) + i * sizeof raw, sizeof raw);
      result = base::Fd(raw);
    }
  }
  return total == 1 ? std::move(result) : base::Fd();
}

/// An empty message reads like the end.
bool hasEnded(const base::Fd& channel) {
  pollfd entry{channel.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

std::pair<base::Fd, base::Fd> makeChannel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    base::throwErrno(errno, "making the supervisor's socket");
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

bool sendOnChannel(const base::Fd& channel, std::string_view bytes, const base::Fd* connection) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (connection != nullptr) {
    const int raw = connection->get();
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof raw);
    std::memcpy(CMSG_DATA(rights), &raw, sizeof raw);
  }
  while (::sendmsg(channel.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return false;
    if (errno != EINTR) base::throwErrno(errno, "talking to the supervisor");
  }
  return true;
}

std::optional<ChannelMessage> receiveFromChannel(const base::Fd& channel) {
  for (;;) {
    ChannelMessage result;
    result.bytes.resize(kMaxBytes);
    iovec part{result.bytes.data(), result.bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    result.connection = takeFd(message);
    if (count == 0 && hasEnded(channel)) return std::nullopt;
    const bool cut = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    result.bytes.resize(cut ? 0 : static_cast<std::size_t>(count));
    return result;
  }
}

}  // namespace sandbox
