#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace base {
namespace {

Errc fromErrno(int errorNumber) noexcept {
  switch (errorNumber) {
    case ENOENT:
      return Errc::notFound;
    case EEXIST:
      return Errc::alreadyExists;
    case EACCES:
    case EPERM:
      return Errc::permissionDenied;
    case ETIMEDOUT:
      return Errc::timedOut;
    case ENOSPC:
    case EDQUOT:
      return Errc::diskFull;
    default:
      return Errc::io;
  }
}

}  // namespace

std::string_view name(Errc code) noexcept {
  switch (code) {
    case Errc::notFound:
      return "notFound";
    case Errc::alreadyExists:
      return "alreadyExists";
    case Errc::invalidArgument:
      return "invalidArgument";
    case Errc::unauthenticated:
      return "unauthenticated";
    case Errc::permissionDenied:
      return "permissionDenied";
    case Errc::conflict:
      return "conflict";
    case Errc::overloaded:
      return "overloaded";
    case Errc::diskFull:
      return "diskFull";
    case Errc::unavailable:
      return "unavailable";
    case Errc::timedOut:
      return "timedOut";
    case Errc::cancelled:
      return "cancelled";
    case Errc::corrupt:
      return "corrupt";
    case Errc::io:
      return "io";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

Error::Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

Error& Error::addContext(std::string_view doing) {
  message_ = std::string(doing) + ": " + message_;
  return *this;
}

void throwErrno(int errorNumber, std::string_view doing) {
  std::string reason = errorNumber == ENOSPC || errorNumber == EDQUOT
                           ? "disk is full"
                           : std::generic_category().message(errorNumber);
  throw Error(fromErrno(errorNumber), std::string(doing) + ": " + reason);
}

std::string publicMessage(const std::exception& failure) {
  if (const auto* ours = dynamic_cast<const Error*>(&failure)) return ours->what();
  if (const auto* system = dynamic_cast<const std::system_error*>(&failure))
    return "a file operation of the server failed: " + system->code().message();
  return "internal error; the server's log says more";
}

void checkFailed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, expression);
  std::abort();
}

}  // namespace base
