#include "base/random_bytes.h"

#include <sys/random.h>

#include <cerrno>

#include "base/error.h"

namespace base {

std::string randomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    if (got < 0 && errno != EINTR) throwErrno(errno, "getting random bytes");
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace base
