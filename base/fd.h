// Owned file descriptors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// Owns one file descriptor (always opened O_CLOEXEC) and closes it. Movable, not copyable; one thread at a
/// time.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int raw) noexcept : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  bool valid() const noexcept { return raw_ >= 0; }
  /// For a system call's argument; the Fd keeps ownership.
  int get() const noexcept { return raw_; }
  int release() noexcept { return std::exchange(raw_, -1); }
  void reset() noexcept;

 private:
  int raw_ = -1;
};

/// open(2) with O_CLOEXEC; throws Error with the path's last component in the message.
Fd openFile(const std::filesystem::path& path, int flags, unsigned mode = 0600);
/// openat(2) with O_CLOEXEC.
Fd openAt(const Fd& directory, const std::string& name, int flags, unsigned mode = 0600);
/// openat2(2) with O_CLOEXEC for an existing file: neither a symlink nor ".." on the way can lead out of
/// `root`, since none is followed.
Fd openBelow(const Fd& root, const std::string& path, int flags);
/// {read end, write end}, O_CLOEXEC.
std::pair<Fd, Fd> makePipe();
/// eventfd(2), non-blocking, O_CLOEXEC.
Fd makeEventFd();
/// Adds one to an eventfd; never blocks, never throws.
void signalEvent(const Fd& event) noexcept;
/// Resets an eventfd to zero.
void drainEvent(const Fd& event) noexcept;

/// Writes all bytes, retrying EINTR and short writes; throws Error.
void writeAll(const Fd& fd, std::string_view bytes);
/// One read, EINTR retried; 0 at end of file; throws Error (EAGAIN on a non-blocking fd is unavailable).
std::size_t readSome(const Fd& fd, char* buffer, std::size_t capacity);
/// Whole file; throws invalidArgument when it is longer than maxBytes.
std::string readFile(const std::filesystem::path& path, std::size_t maxBytes = 16u << 20);
void fsyncOrThrow(const Fd& fd, std::string_view doing);

}  // namespace base
