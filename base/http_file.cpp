// sendFile and sendFiles of base/http.h.
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
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

constexpr std::uint64_t kBufferBytes = 64u << 10;
// What the kernel sends are the file's own pages: whoever writes to the file changes them until the client
// has taken them. More than the buffers of two sockets hold goes as a copy, so that nothing of them is under
// way when the end is allowed.
constexpr std::uint64_t kCopiedTailBytes = 8u << 20;

using Files = std::vector<std::unique_ptr<ServedFile>>;

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

/// A file that nobody watches over.
class PlainFile : public ServedFile {
 public:
  explicit PlainFile(const std::filesystem::path& file) : fd_(openFile(file, O_RDONLY)) {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) throwErrno(errno, "sending a file");
    if (!S_ISREG(info.st_mode)) throw Error(Errc::notFound, "sending a file: it is none");
    size_ = static_cast<std::uint64_t>(info.st_size);
  }

  const Fd& fd() const override { return fd_; }
  std::uint64_t sizeBytes() const override { return size_; }
  bool wantsToSee() override { return false; }
  void read(char* buffer, std::size_t count, std::uint64_t offset) override {
    while (count > 0) {
      const ssize_t got = ::pread(fd_.get(), buffer, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throwErrno(errno, "sending a file");
      if (got == 0) throw Error(Errc::io, "a file became shorter while it was sent");
      buffer += got;
      count -= static_cast<std::size_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
  }
  void allowEnd() override {}

 private:
  Fd fd_;
  std::uint64_t size_ = 0;
};

/// Where an answer's bytes go.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void write(std::string_view bytes) = 0;
  /// Sends from the start of `part` what it can without our memory, and takes that from it.
  virtual void passFile(const Fd&, Part&) {}
};

class MemoryOutlet : public Outlet {
 public:
  void write(std::string_view bytes) override { held.append(bytes); }
  std::string held;
};

class StreamOutlet : public Outlet {
 public:
  explicit StreamOutlet(std::ostream& out) : out_(out) {}
  void write(std::string_view bytes) override {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out_.flush();
    if (!out_) throw Error(Errc::cancelled, "the client went away");
  }

 private:
  std::ostream& out_;
};

class SocketOutlet : public Outlet {
 public:
  explicit SocketOutlet(int socket) : socket_(socket) {}

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) gone();
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// From the page cache to the socket. What cannot be read is left: reading it tells why.
  void passFile(const Fd& file, Part& part) override {
    constexpr std::uint64_t kStep = 1 << 30;
    auto offset = static_cast<off_t>(part.offset);
    while (part.length > 0) {
      const ssize_t count =
          ::sendfile(socket_, file.get(), &offset, static_cast<std::size_t>(std::min(part.length, kStep)));
      if (count < 0 && errno == EINTR) continue;
      if (count == 0 || (count < 0 && errno == EIO)) return;
      if (count < 0) gone();
      part.offset += static_cast<std::uint64_t>(count);
      part.length -= static_cast<std::uint64_t>(count);
    }
  }

 private:
  [[noreturn]] static void gone() {
    throw Error(Errc::cancelled, errno == EAGAIN ? "the client takes no more bytes" : "the client went away");
  }

  int socket_;
};

void passOne(Outlet& outlet, ServedFile& file, Part part) {
  const bool seen = part.length == file.sizeBytes() && file.wantsToSee();
  if (!seen && part.length > kCopiedTailBytes) {
    Part passed{part.offset, part.length - kCopiedTailBytes};
    outlet.passFile(file.fd(), passed);
    part = {passed.offset, passed.length + kCopiedTailBytes};
  }
  std::vector<char> buffer(static_cast<std::size_t>(std::min(part.length, kBufferBytes)));
  while (true) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(part.length, buffer.size()));
    file.read(buffer.data(), count, part.offset);
    part = {part.offset + count, part.length - count};
    if (part.length == 0) file.allowEnd();
    outlet.write({buffer.data(), count});
    if (part.length == 0) return;
  }
}

/// `part` counts through all the files.
void passAll(Outlet& outlet, const Files& files, Part part) {
  for (const auto& file : files) {
    const std::uint64_t size = file->sizeBytes();
    const bool isWholeAnswer = size == 0 && part.offset == 0 && part.length == 0;
    if (part.offset >= size && !isWholeAnswer) {
      part.offset -= size;
      continue;
    }
    const Part here{part.offset, std::min(part.length, size - part.offset)};
    passOne(outlet, *file, here);
    part = {.offset = 0, .length = part.length - here.length};
    if (part.length == 0) return;
  }
}

void sendPart(HttpRequest& request, HttpResponse& response, const Files& files, Part part) {
  response.setContentLength64(static_cast<std::int64_t>(part.length));
  const bool head = request.getMethod() == HttpRequest::HTTP_HEAD;
  const bool early = !head && part.length <= kBufferBytes;
  MemoryOutlet memory;
  if (early) passAll(memory, files, part);
  std::ostream& out = response.send();
  out.flush();
  if (head) return;
  if (!out) throw Error(Errc::cancelled, "the client went away");
  auto* served = dynamic_cast<Poco::Net::HTTPServerRequestImpl*>(&request);
  if (early) {
    StreamOutlet(out).write(memory.held);
  } else if (served != nullptr && !served->secure()) {
    SocketOutlet outlet(served->socket().impl()->sockfd());
    passAll(outlet, files, part);
  } else {
    StreamOutlet outlet(out);
    passAll(outlet, files, part);
  }
}

}  // namespace

void sendFiles(HttpRequest& request, HttpResponse& response, const Files& files,
               const std::string& contentType, const std::string& etag) {
  std::uint64_t size = 0;
  for (const auto& file : files)
    size += file->sizeBytes();
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
  sendPart(request, response, files, part);
}

void sendFile(HttpRequest& request, HttpResponse& response, const std::filesystem::path& file,
              const std::string& contentType, const std::string& etag) {
  Files files;
  files.push_back(std::make_unique<PlainFile>(file));
  sendFiles(request, response, files, contentType, etag);
}

}  // namespace base
