#include "builder/detail/tree_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace builder::detail {
namespace {

/// Without O_NONBLOCK a fifo would block until somebody writes.
constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

base::Fd openBelow(const base::Fd& folder, const std::string& name) {
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  base::Fd file(static_cast<int>(::syscall(SYS_openat2, folder.get(), name.c_str(), &how, sizeof how)));
  // Before Linux 5.6 and below some seccomp profiles: then no links at all.
  if (!file.valid() && (errno == ENOSYS || errno == EPERM)) {
    file = base::Fd(::openat(folder.get(), name.c_str(), kFlags | O_NOFOLLOW));
  }
  return file;
}

}  // namespace

std::optional<std::string> readTreeFile(const std::filesystem::path& folder, const std::string& name,
                                        std::size_t maxBytes) {
  const base::Fd directory = base::openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const base::Fd file = openBelow(directory, name);
  if (!file.valid()) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO) return std::nullopt;
    base::throwErrno(errno, "reading " + name);
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) base::throwErrno(errno, "reading " + name);
  if (!S_ISREG(info.st_mode)) return std::nullopt;
  std::string text(maxBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const std::size_t count = base::readSome(file, text.data() + size, text.size() - size);
    if (count == 0) break;
    size += count;
  }
  text.resize(size);
  return text;
}

}  // namespace builder::detail
