// What the fuzzer of request bodies and the replay of its corpus do with one input.
#pragma once

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/http_session.h"

namespace fuzz {

struct DecodedBody {
  std::string bytes;
  bool whole = false;
  std::string_view rest;  ///< behind a whole one
};

/// The line in front of `input`, which is cut off it; nullopt when it is not there whole or ends otherwise.
inline std::optional<std::string_view> takeLine(std::string_view& input) {
  constexpr std::size_t kMaxLine = 4096;
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos || end >= kMaxLine || end == 0 || input[end - 1] != '\r')
    return std::nullopt;
  const std::string_view line = input.substr(0, end - 1);
  input.remove_prefix(end + 1);
  return line;
}

/// A chunked body, read from memory: what a connection's must be read as.
inline DecodedBody decodeChunked(std::string_view input) {
  constexpr int kMaxTrailers = 100;
  DecodedBody body;
  for (;;) {
    const auto head = takeLine(input);
    const auto length = head ? base::parseChunkHead(*head) : std::nullopt;
    if (!length) return body;
    if (*length == 0) break;
    body.bytes += input.substr(0, *length);
    if (input.size() <= *length) return body;
    input.remove_prefix(*length);
    const auto end = takeLine(input);
    if (!end || !end->empty()) return body;
  }
  for (int i = 0; i < kMaxTrailers; ++i) {
    const auto trailer = takeLine(input);
    if (!trailer) return body;
    if (!trailer->empty()) continue;
    body.whole = true;
    body.rest = input;
    return body;
  }
  return body;
}

/// A connection on which `input` came before the other side closed it.
inline Poco::Net::StreamSocket connectionWith(std::string_view input) {
  std::array<int, 2> ends{};
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const base::Fd other(ends[1]);
  const int roomy = 1 << 20;
  ::setsockopt(other.get(), SOL_SOCKET, SO_SNDBUF, &roomy, sizeof roomy);
  base::writeAll(other, input);
  return Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(ends[0]));  // the socket takes it
}

/// Whose next bytes can be looked at.
class OpenSession : public base::HttpSession {
 public:
  using HttpSession::get;
  using HttpSession::HttpSession;
};

/// A chunked body on a connection, with what follows it; the first byte says how much is read at a time.
inline void chunkedBody(std::string_view input) {
  constexpr std::size_t kMaxInput = 32u << 10;
  if (input.empty() || input.size() > kMaxInput) return;
  const std::size_t capacity = std::size_t{1} + static_cast<unsigned char>(input.front()) * 16;
  input.remove_prefix(1);
  const DecodedBody expected = decodeChunked(input);

  OpenSession session(connectionWith(input), new Poco::Net::HTTPServerParams);
  Poco::Net::HTTPRequest request("PUT", "/", "HTTP/1.1");
  request.setChunkedTransferEncoding(true);
  session.beginBody(request);
  std::string bytes;
  bool whole = true;
  std::vector<char> buffer(capacity);
  try {
    while (const std::size_t count = session.readBody(buffer.data(), capacity))
      bytes.append(buffer.data(), count);
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::cancelled);
    whole = false;
  }
  CHECK(bytes == expected.bytes && whole == expected.whole);
  CHECK(!whole || session.bodyHasEnded());
  // What follows is the next request's, to the byte.
  for (const char next : expected.rest)
    CHECK(static_cast<char>(session.get()) == next);
}

}  // namespace fuzz
