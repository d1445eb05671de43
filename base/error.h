// The one error type that this project throws.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace base {

/// What the caller can do about an error (retry, fix the input, give up), not which library failed.
enum class Errc {
  notFound,
  alreadyExists,
  invalidArgument,
  unauthenticated,
  permissionDenied,
  conflict,
  overloaded,
  diskFull,
  unavailable,
  timedOut,
  cancelled,
  corrupt,
  io,
  internal
};

/// "notFound", "io" ...; stable, used in logs.
std::string_view name(Errc code) noexcept;

/// Thrown everywhere; caught in five kinds of place only (see docs/ARCHITECTURE.md). The message is one
/// sentence for a person: what is wrong, then what to do. It never holds config values, keys or tokens.
/// Copyable, immutable but for addContext.
class Error : public std::exception {
 public:
  Error(Errc code, std::string message);

  Errc code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }
  /// Puts "doing: " in front of the message.
  Error& addContext(std::string_view doing);

 private:
  Errc code_;
  std::string message_;
};

/// Throws Error for `errorNumber` (an errno value): ENOENT notFound, EEXIST alreadyExists, EACCES/EPERM
/// permissionDenied, ENOSPC/EDQUOT diskFull with "disk is full", ETIMEDOUT timedOut, else io. Message:
/// "doing: strerror text".
[[noreturn]] void throwErrno(int errorNumber, std::string_view doing);

/// What a person outside may read of any exception: an Error's own sentence; of others (std::filesystem's
/// have paths in them) only what the system said, or "internal error".
std::string publicMessage(const std::exception& failure);

/// Aborts with file, line and expression: for our own bugs only, never for input. On in release builds.
#define CHECK(cond) ((cond) ? void(0) : ::base::checkFailed(#cond, __FILE__, __LINE__))
[[noreturn]] void checkFailed(const char* expression, const char* file, int line) noexcept;

}  // namespace base
