#include "store/detail/direct_write.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/error.h"

namespace store::detail {
namespace {

bool isAligned(std::uint64_t number) {
  return number % kDirectAlignment == 0;
}

/// As long as it is there the file takes aligned writes only.
class DirectMode {
 public:
  explicit DirectMode(const base::Fd& fd) : fd_(fd), flags_(::fcntl(fd.get(), F_GETFL)) {
    on_ = flags_ >= 0 && ::fcntl(fd.get(), F_SETFL, flags_ | O_DIRECT) == 0;
  }
  ~DirectMode() {
    if (on_) ::fcntl(fd_.get(), F_SETFL, flags_);
  }
  DirectMode(const DirectMode&) = delete;
  DirectMode& operator=(const DirectMode&) = delete;
  bool isOn() const noexcept { return on_; }

 private:
  const base::Fd& fd_;
  int flags_;
  bool on_ = false;
};

/// Returns how much it wrote of the bytes, which are aligned in all ways.
std::size_t writeAligned(const base::Fd& fd, std::string_view bytes) {
  const DirectMode mode(fd);
  std::size_t written = 0;
  while (mode.isOn() && written < bytes.size()) {
    const ssize_t count = ::write(fd.get(), bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;  // the rest is tried through the cache, which tells what is wrong
    written += static_cast<std::size_t>(count);
  }
  return written;
}

}  // namespace

void writeDirectly(const base::Fd& fd, std::string_view bytes) {
  const std::size_t whole = bytes.size() - bytes.size() % kDirectAlignment;
  const off_t position = ::lseek(fd.get(), 0, SEEK_CUR);
  if (whole != 0 && position >= 0 && isAligned(static_cast<std::uint64_t>(position)) &&
      isAligned(reinterpret_cast<std::uintptr_t>(bytes.data()))) {
    bytes.remove_prefix(writeAligned(fd, bytes.substr(0, whole)));
  }
  base::writeAll(fd, bytes);
}

}  // namespace store::detail
