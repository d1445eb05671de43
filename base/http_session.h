// A connection of the HTTP server, as its requests' bodies are read from it.
#pragma once

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPServerSession.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// The length that a chunk's first line, without its end, announces; nullopt for what is no such line. (RFC
/// 9112, section 7.1.)
std::optional<std::uint64_t> parseChunkHead(std::string_view line) noexcept;

/// Poco's session, which waits for requests by making and closing an epoll descriptor for each, and reads
/// bodies in pieces of 4 KiB. One thread at a time.
class HttpSession : public Poco::Net::HTTPServerSession {
 public:
  using HTTPServerSession::HTTPServerSession;

  /// True when there is something to read, which can be the connection's end.
  bool awaitRequest(std::chrono::milliseconds timeout);
  /// The request's headers have been read: what follows is its body.
  void beginBody(const Poco::Net::HTTPRequest& request);
  /// Fills the buffer, but for the body's last piece; 0 at its end. Throws cancelled when the body is cut off
  /// or is not what the headers announce; what came before that is given first.
  std::size_t readBody(char* buffer, std::size_t capacity);
  /// What is there, at least one byte, into the buffer; 0 at the body's end. Waits and throws as readBody()
  /// does.
  std::size_t readSomeOfBody(char* buffer, std::size_t capacity);
  /// Nothing of the body is left to be read, or there is none.
  bool bodyHasEnded() const noexcept { return !chunked_ && left_ == 0; }

 private:
  std::size_t readPiece(char* buffer, std::size_t capacity);
  void beginChunk();
  void skipTrailers();
  std::string readLine();

  bool chunked_ = false;
  bool firstChunk_ = false;
  bool broken_ = false;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
};

}  // namespace base
