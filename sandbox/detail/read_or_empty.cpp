#include "sandbox/detail/read_or_empty.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"

namespace sandbox {

std::string readOrEmpty(const std::filesystem::path& file) {
  const base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> buffer;
  while (fd.valid()) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;  // ESRCH: the process that /proc spoke of has ended
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace sandbox
