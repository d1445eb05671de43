#include "base/http_session.h"

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocket.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr int kMaxTrailers = 100;

[[noreturn]] void cutOff() {
  throw Error(Errc::cancelled, "the request's body was cut off");
}

[[noreturn]] void malformed() {
  throw Error(Errc::cancelled, "the request's body is not what Transfer-Encoding: chunked says");
}

}  // namespace

std::optional<std::uint64_t> parseChunkHead(std::string_view line) noexcept {
  constexpr std::size_t kMaxDigits = 15;
  constexpr int kHex = 16;
  const std::size_t digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
  if (digits == 0 || digits > kMaxDigits) return std::nullopt;
  const std::string_view rest = trim(line.substr(digits));
  if (!rest.empty() && rest.front() != ';') return std::nullopt;  // extensions are for others
  std::uint64_t length = 0;
  std::from_chars(line.data(), line.data() + digits, length, kHex);
  return length;
}

bool HttpSession::awaitRequest(std::chrono::milliseconds timeout) {
  if (buffered() > 0) return true;
  pollfd waiting{.fd = socket().impl()->sockfd(), .events = POLLIN, .revents = 0};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (auto left = timeout; left.count() >= 0;) {
    const int count = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (count >= 0 || errno != EINTR) return count > 0;
    left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  }
  return false;
}

void HttpSession::beginBody(const Poco::Net::HTTPRequest& request) {
  chunked_ = firstChunk_ = request.getChunkedTransferEncoding();
  broken_ = false;
  left_ = 0;
  if (!chunked_ && request.hasContentLength())
    left_ = static_cast<std::uint64_t>(std::max<std::int64_t>(request.getContentLength64(), 0));
}

std::size_t HttpSession::readBody(char* buffer, std::size_t capacity) {
  if (broken_) cutOff();
  std::size_t filled = 0;
  try {
    while (filled < capacity && !bodyHasEnded())
      filled += readPiece(buffer + filled, capacity - filled);
  } catch (const Error&) {
    broken_ = true;
    if (filled == 0) throw;
  } catch (const Poco::Exception&) {  // the connection is gone, or silent for too long
    broken_ = true;
    if (filled == 0) cutOff();
  }
  return filled;
}

std::size_t HttpSession::readSomeOfBody(char* buffer, std::size_t capacity) {
  if (broken_) cutOff();
  try {
    // The piece that ends the body is an empty one.
    return bodyHasEnded() ? 0 : readPiece(buffer, capacity);
  } catch (const Error&) {
    broken_ = true;
    throw;
  } catch (const Poco::Exception&) {
    broken_ = true;
    cutOff();
  }
}

std::size_t HttpSession::readPiece(char* buffer, std::size_t capacity) {
  if (chunked_ && left_ == 0) beginChunk();
  if (left_ == 0) return 0;
  constexpr std::uint64_t kMost = 1u << 30;
  const auto wanted = std::min({static_cast<std::uint64_t>(capacity), left_, kMost});
  const int count = read(buffer, static_cast<std::streamsize>(wanted));
  if (count <= 0) cutOff();
  left_ -= static_cast<std::uint64_t>(count);
  return static_cast<std::size_t>(count);
}

void HttpSession::beginChunk() {
  if (!firstChunk_ && !readLine().empty()) malformed();
  firstChunk_ = false;
  const auto length = parseChunkHead(readLine());
  if (!length) malformed();
  left_ = *length;
  if (left_ != 0) return;
  skipTrailers();
  chunked_ = false;
}

void HttpSession::skipTrailers() {
  for (int i = 0; i < kMaxTrailers; ++i) {
    if (readLine().empty()) return;
  }
  malformed();
}

std::string HttpSession::readLine() {
  std::string line;
  while (line.size() < kMaxLine) {
    char next = 0;  // get() cannot tell the byte 0xff from the end
    if (read(&next, 1) <= 0) cutOff();
    line += next;
    if (next != '\n') continue;
    if (!line.ends_with("\r\n")) malformed();
    line.resize(line.size() - 2);
    return line;
  }
  malformed();
}

}  // namespace base
