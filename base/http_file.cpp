// sendFile and sendFiles of base/http.h.
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <string>
#include <vector>

#include "base/detail/byte_range.h"
#include "base/fd.h"
#include "base/http.h"
#include "base/strings.h"

namespace base {
namespace {

struct Part {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// If-Range with another tag, or with a date (we send none), asks for everything. Strong comparison: weak
/// tags never match.
bool rangeApplies(const HttpRequest& request, const std::string& etag) {
  if (request.getMethod() != HttpRequest::HTTP_GET || !request.has("Range")) return false;
  return !request.has("If-Range") || trim(request.get("If-Range")) == "\"" + etag + "\"";
}

/// From the page cache to the socket, past our memory.
void sendThroughKernel(int socket, const Fd& file, Part part) {
  auto offset = static_cast<off_t>(part.offset);
  while (part.length > 0) {
    constexpr std::uint64_t kStep = 1 << 30;
    const ssize_t count =
        ::sendfile(socket, file.get(), &offset, static_cast<std::size_t>(std::min(part.length, kStep)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) throw Error(Errc::cancelled, "the client takes no more bytes");
    if (count < 0) throw Error(Errc::cancelled, "the client went away");
    if (count == 0) throw Error(Errc::io, "a file became shorter while it was sent");
    part.length -= static_cast<std::uint64_t>(count);
  }
}

void sendThroughStream(std::ostream& out, const Fd& file, Part part) {
  std::vector<char> buffer(64 << 10);
  while (part.length > 0) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(part.length, buffer.size()));
    const ssize_t count = ::pread(file.get(), buffer.data(), wanted, static_cast<off_t>(part.offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throwErrno(errno, "sending a file");
    if (count == 0) throw Error(Errc::io, "a file became shorter while it was sent");
    out.write(buffer.data(), count);
    if (!out) throw Error(Errc::cancelled, "the client went away");
    part.offset += static_cast<std::uint64_t>(count);
    part.length -= static_cast<std::uint64_t>(count);
  }
  out.flush();
}

/// A file of the answer.
struct Piece {
  Fd fd;
  std::uint64_t size;
};

std::vector<Piece> openPieces(const std::vector<std::filesystem::path>& files) {
  std::vector<Piece> pieces;
  for (const auto& file : files) {
    Fd fd = openFile(file, O_RDONLY);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) throwErrno(errno, "sending a file");
    if (!S_ISREG(info.st_mode)) throw Error(Errc::notFound, "sending a file: it is none");
    pieces.push_back({std::move(fd), static_cast<std::uint64_t>(info.st_size)});
  }
  return pieces;
}

/// `part` counts through all the pieces.
void sendPart(HttpRequest& request, HttpResponse& response, const std::vector<Piece>& pieces, Part part) {
  response.setContentLength64(static_cast<std::int64_t>(part.length));
  std::ostream& out = response.send();
  out.flush();
  if (request.getMethod() == HttpRequest::HTTP_HEAD) return;
  if (!out) throw Error(Errc::cancelled, "the client went away");
  auto* served = dynamic_cast<Poco::Net::HTTPServerRequestImpl*>(&request);
  const bool plain = served != nullptr && !served->secure();
  for (const Piece& piece : pieces) {
    if (part.offset >= piece.size) {
      part.offset -= piece.size;
      continue;
    }
    const Part here{part.offset, std::min(part.length, piece.size - part.offset)};
    if (plain) {
      sendThroughKernel(served->socket().impl()->sockfd(), piece.fd, here);
    } else {
      sendThroughStream(out, piece.fd, here);
    }
    part = {.offset = 0, .length = part.length - here.length};
    if (part.length == 0) return;
  }
}

}  // namespace

void sendFiles(HttpRequest& request, HttpResponse& response, const std::vector<std::filesystem::path>& files,
               const std::string& contentType, const std::string& etag) {
  const std::vector<Piece> pieces = openPieces(files);
  std::uint64_t size = 0;
  for (const Piece& piece : pieces)
    size += piece.size;
  if (!response.has("ETag")) response.set("ETag", "\"" + etag + "\"");
  response.set("Accept-Ranges", "bytes");
  if (request.has("If-None-Match") && detail::etagListMatches(request.get("If-None-Match"), etag)) {
    return sendBody(request, response, HttpResponse::HTTP_NOT_MODIFIED, "", "");
  }
  Part part{.offset = 0, .length = size};
  if (rangeApplies(request, etag)) {
    const auto answer = detail::parseRange(request.get("Range"), size);
    if (std::holds_alternative<detail::Unsatisfiable>(answer)) {
      response.set("Content-Range", "bytes */" + std::to_string(size));
      return sendBody(request, response, HttpResponse::HTTP_REQUESTED_RANGE_NOT_SATISFIABLE, "text/plain",
                      "");
    }
    if (const auto* range = std::get_if<detail::ByteRange>(&answer)) {
      part = {.offset = range->first, .length = range->last - range->first + 1};
      response.setStatusAndReason(HttpResponse::HTTP_PARTIAL_CONTENT);
      response.set("Content-Range", "bytes " + std::to_string(range->first) + "-" +
                                        std::to_string(range->last) + "/" + std::to_string(size));
    }
  }
  if (!response.has("Content-Type")) response.setContentType(contentType);
  sendPart(request, response, pieces, part);
}

void sendFile(HttpRequest& request, HttpResponse& response, const std::filesystem::path& file,
              const std::string& contentType, const std::string& etag) {
  sendFiles(request, response, {file}, contentType, etag);
}

}  // namespace base
