#include "base/fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/error.h"
#include "base/regular_file.h"

namespace base {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    raw_ = std::exchange(other.raw_, -1);
  }
  return *this;
}

void Fd::reset() noexcept {
  // Linux frees the number even when close reports EINTR: never retry.
  if (raw_ >= 0) ::close(std::exchange(raw_, -1));
}

Fd openFile(const std::filesystem::path& path, int flags, unsigned mode) {
  int raw;
  do {
    raw = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (raw < 0 && errno == EINTR);
  if (raw < 0) throwErrno(errno, "opening " + path.filename().string());
  return Fd(raw);
}

Fd openAt(const Fd& directory, const std::string& name, int flags, unsigned mode) {
  int raw;
  do {
    raw = ::openat(directory.get(), name.c_str(), flags | O_CLOEXEC, mode);
  } while (raw < 0 && errno == EINTR);
  if (raw < 0) throwErrno(errno, "opening " + std::filesystem::path(name).filename().string());
  return Fd(raw);
}

Fd openBelow(const Fd& root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  long raw;
  do {
    raw = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how);
  } while (raw < 0 && (errno == EINTR || errno == EAGAIN));
  if (raw < 0) throwErrno(errno, "opening " + std::filesystem::path(path).filename().string());
  return Fd(static_cast<int>(raw));
}

std::pair<Fd, Fd> makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throwErrno(errno, "making a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd makeEventFd() {
  const int raw = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (raw < 0) throwErrno(errno, "making an eventfd");
  return Fd(raw);
}

void signalEvent(const Fd& event) noexcept {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is at its top, thus readable already.
  while (::write(event.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void drainEvent(const Fd& event) noexcept {
  std::uint64_t count;
  while (::read(event.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

void writeAll(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      throw Error(Errc::unavailable, "writing: the other side takes no more bytes now");
    } else if (errno != EINTR) {
      throwErrno(errno, "writing");
    }
  }
}

std::size_t readSome(const Fd& fd, char* buffer, std::size_t capacity) {
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, capacity);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) throw Error(Errc::unavailable, "reading: no bytes are there now");
    if (errno != EINTR) throwErrno(errno, "reading");
  }
}

std::string readFile(const std::filesystem::path& path, std::size_t maxBytes) {
  return readRest(openFile(path, O_RDONLY), path.filename().string(), maxBytes);
}

void fsyncOrThrow(const Fd& fd, std::string_view doing) {
  if (::fsync(fd.get()) != 0) throwErrno(errno, doing);
}

}  // namespace base
