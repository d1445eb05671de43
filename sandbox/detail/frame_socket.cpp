#include "sandbox/detail/frame_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "sandbox/detail/supervisor_messages.h"

namespace sandbox {
namespace {

constexpr std::size_t kMaxFds = 2;
constexpr std::size_t kHeader = 5;
constexpr unsigned kByteBits = 8;

[[noreturn]] void refuse(const char* what) {
  throw base::Error(base::Errc::invalidArgument,
                    std::string("a message to the supervisor is not valid: ") + what);
}

/// Takes over the descriptors of a received message.
void takeFds(msghdr& message, std::vector<base::Fd>& fds) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int raw = -1;
      std::memcpy(&raw, CMSG_DATA(each) + i * sizeof raw, sizeof raw);
      fds.emplace_back(raw);
    }
  }
}

}  // namespace

bool FrameSocket::send(FrameKind kind, std::string_view bytes, const std::vector<int>& fds) {
  CHECK(fds.size() <= kMaxFds);
  if (bytes.size() > kMaxMessage)
    throw base::Error(base::Errc::invalidArgument, "what a container is given is too much: at most " +
                                                       std::to_string(kMaxMessage >> 20) +
                                                       " MiB are possible");
  std::array<char, kHeader> header{};
  for (std::size_t i = 0; i + 1 < kHeader; ++i)
    header[i] = static_cast<char>(bytes.size() >> (i * kByteBits));
  header.back() = static_cast<char>(kind);
  std::array<iovec, 2> parts{
      {{header.data(), header.size()}, {const_cast<char*>(bytes.data()), bytes.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
  }
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE || errno == ECONNRESET) return false;
      base::throwErrno(errno, "talking to the supervisor");
    }
    message.msg_control = nullptr;  // they went with the first byte
    message.msg_controllen = 0;
    auto left = static_cast<std::size_t>(count);
    for (iovec& part : parts) {
      const std::size_t taken = std::min(left, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + taken;
      part.iov_len -= taken;
      left -= taken;
    }
  }
  return true;
}

/// False when the stream ends before the first byte.
bool FrameSocket::receiveAll(char* buffer, std::size_t count, std::vector<base::Fd>& fds) {
  std::size_t have = 0;
  while (have < count) {
    iovec part{buffer + have, count - have};
    // Room for more than are allowed, so that too many are seen and not lost.
    alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * kMaxFds * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) base::throwErrno(errno, "talking to the supervisor");
    if (got > 0) takeFds(message, fds);
    if ((message.msg_flags & MSG_CTRUNC) != 0 || fds.size() > kMaxFds) refuse("it has too many descriptors");
    if (got <= 0) {
      if (have == 0) return false;
      refuse("it ends too early");
    }
    have += static_cast<std::size_t>(got);
  }
  return true;
}

std::optional<Frame> FrameSocket::receive() {
  Frame frame;
  std::array<char, kHeader> header{};
  if (!receiveAll(header.data(), header.size(), frame.fds)) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 0; i + 1 < kHeader; ++i)
    size |= std::size_t{static_cast<unsigned char>(header[i])} << (i * kByteBits);
  const auto kind = static_cast<std::uint8_t>(header.back());
  if (size > kMaxMessage) refuse("it is too long");
  if (kind > static_cast<std::uint8_t>(FrameKind::refusedHost)) refuse("it is of no kind");
  frame.kind = static_cast<FrameKind>(kind);
  // In steps, so that a length alone takes no memory.
  constexpr std::size_t kStep = 256u << 10;
  while (frame.bytes.size() < size) {
    const std::size_t have = frame.bytes.size();
    const std::size_t step = std::min(kStep, size - have);
    frame.bytes.resize(have + step);
    if (!receiveAll(frame.bytes.data() + have, step, frame.fds)) refuse("it ends too early");
  }
  return frame;
}

void FrameSocket::endSending() noexcept {
  ::shutdown(socket_.get(), SHUT_WR);
}

void FrameSocket::endBoth() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

std::pair<base::Fd, base::Fd> makeConnection() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    base::throwErrno(errno, "talking to the supervisor");
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

}  // namespace sandbox
