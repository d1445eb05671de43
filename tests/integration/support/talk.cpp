// An app that speaks HTTP in all the ways that a router has to let through, in one static binary. It stops at
// SIGTERM at once, whatever it is doing, so that what was still under way then is seen to fail. It answers on
// PORT:
//   /            "dyno=web.1 started=TIME"
//   /head        what it was asked, as it came
//   /upload      takes the body and tells its length, its FNV-1a sum and its trailers
//   /refuse      413 and an end, without reading the body
//   /echo        each piece of the body as a chunk of the answer, as it comes
//   /stream?N,MS N chunks, MS milliseconds apart, and a trailer X-Pieces
//   /events?N,MS the same as an event stream
//   /slow?MS     after so many milliseconds
//   /big?N       N bytes
//   /ws          a websocket that echoes
//   /crash       ends the process
// START_MS is how long it takes before it listens. Not a part of the product.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

const std::string started = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void pauseMs(long ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

/// Bytes of one client.
class Link {
 public:
  explicit Link(int fd) : fd_(fd) {}
  ~Link() { ::close(fd_); }
  Link(const Link&) = delete;

  /// More into the buffer; false at the end.
  bool fill() {
    char bytes[65536];
    const auto count = ::read(fd_, bytes, sizeof bytes);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  /// Up to and without `mark`; false at the end.
  bool until(const std::string& mark, std::string& text) {
    std::size_t at;
    while ((at = buffer_.find(mark)) == std::string::npos)
      if (!fill()) return false;
    text = buffer_.substr(0, at);
    buffer_.erase(0, at + mark.size());
    return true;
  }
  /// At least one byte, at most `most`; empty at the end.
  std::string some(std::size_t most) {
    if (buffer_.empty() && !fill()) return "";
    std::string taken = buffer_.substr(0, most);
    buffer_.erase(0, taken.size());
    return taken;
  }
  bool exactly(std::size_t count, std::string& text) {
    while (buffer_.size() < count)
      if (!fill()) return false;
    text = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return true;
  }
  bool send(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto count = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (count < 0) return false;
      at += static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  int fd_;
  std::string buffer_;
};

struct Request {
  std::string head;
  std::string path;
  std::string query;
  std::string header(std::string name) const {
    std::string lower = head;
    for (std::string* text : {&lower, &name})
      std::transform(text->begin(), text->end(), text->begin(),
                     [](unsigned char c) { return std::tolower(c); });
    const auto at = lower.find("\r\n" + name + ":");
    if (at == std::string::npos) return "";
    const auto from = head.find_first_not_of(' ', at + 3 + name.size());
    return head.substr(from, std::min(head.find("\r\n", from), head.size()) - from);
  }
  /// "7,20" is 7 and 20.
  long number(int index) const {
    const auto comma = query.find(',');
    return index == 0 ? std::atol(query.c_str())
                      : std::atol(query.substr(std::min(comma, query.size() - 1) + 1).c_str());
  }
};

bool readRequest(Link& link, Request& request) {
  if (!link.until("\r\n\r\n", request.head)) return false;
  const auto start = request.head.find(' ') + 1;
  std::string target = request.head.substr(start, request.head.find(' ', start) - start);
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == std::string::npos ? "" : target.substr(mark + 1);
  return true;
}

/// Hands each piece of the body to `take`; false when it did not end as it should. `trailers` are the lines
/// after it.
template <typename Take>
bool readBody(Link& link, const Request& request, std::string& trailers, Take take) {
  if (request.header("Expect") == "100-continue" && !link.send("HTTP/1.1 100 Continue\r\n\r\n")) return false;
  if (request.header("Transfer-Encoding") != "chunked") {
    for (unsigned long long left = std::strtoull(request.header("Content-Length").c_str(), nullptr, 10);
         left > 0;) {
      const std::string piece = link.some(left > 65536 ? 65536 : left);
      if (piece.empty()) return false;
      left -= piece.size();
      if (!take(piece)) return false;
    }
    return true;
  }
  while (true) {
    std::string line;
    if (!link.until("\r\n", line)) return false;
    const auto size = std::strtoull(line.c_str(), nullptr, 16);
    if (size == 0) break;
    std::string piece;
    if (!link.exactly(size, piece) || !link.until("\r\n", line) || !take(piece)) return false;
  }
  for (std::string line; link.until("\r\n", line) && !line.empty();)
    trailers += " " + line;
  return true;
}

bool answer(Link& link, const std::string& body, const std::string& status = "200 OK") {
  return link.send("HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body);
}

std::string chunk(const std::string& bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

bool upload(Link& link, const Request& request) {
  unsigned long long bytes = 0;
  std::uint32_t sum = 2166136261u;
  std::string trailers;
  const bool whole = readBody(link, request, trailers, [&](const std::string& piece) {
    bytes += piece.size();
    for (const char c : piece)
      sum = (sum ^ static_cast<unsigned char>(c)) * 16777619u;
    return true;
  });
  return whole &&
         answer(link, "bytes=" + std::to_string(bytes) + " sum=" + std::to_string(sum) + trailers + "\n");
}

bool echo(Link& link, const Request& request) {
  std::string trailers;
  return link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") &&
         readBody(link, request, trailers,
                  [&](const std::string& piece) { return link.send(chunk(piece)); }) &&
         link.send("0\r\n\r\n");
}

bool stream(Link& link, const Request& request, const char* type, const std::string& before,
            const std::string& after) {
  if (!link.send(std::string("HTTP/1.1 200 OK\r\nContent-Type: ") + type +
                 "\r\nTrailer: X-Pieces\r\nTransfer-Encoding: chunked\r\n\r\n"))
    return false;
  const long count = request.number(0);
  for (long i = 1; i <= count; ++i) {
    if (!link.send(chunk(before + std::to_string(i) + after))) return false;
    pauseMs(request.number(1));
  }
  return link.send("0\r\nX-Pieces: " + std::to_string(count) + "\r\n\r\n");
}

bool big(Link& link, const Request& request) {
  long left = request.number(0);
  if (!link.send("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                 std::to_string(left) + "\r\n\r\n"))
    return false;
  const std::string block(65536, 'x');
  for (; left > 0; left -= 65536)
    if (!link.send(block.substr(0, static_cast<std::size_t>(std::min(left, 65536L))))) return false;
  return true;
}

/// RFC 6455: texts and pings of up to 64 KiB, each in one frame.
bool websocket(Link& link, const Request& request) {
  const std::string key = request.header("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE], accept[64];
  unsigned length = 0;
  EVP_Digest(key.data(), key.size(), digest, &length, EVP_sha1(), nullptr);
  EVP_EncodeBlock(accept, digest, static_cast<int>(length));
  if (!link.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                 "Upgrade\r\nSec-WebSocket-Accept: " +
                 std::string(reinterpret_cast<const char*>(accept)) + "\r\n\r\n"))
    return false;
  std::string head, mask, text;
  while (link.exactly(2, head)) {
    const int opcode = head[0] & 0x0f;
    std::size_t size = head[1] & 0x7f;
    std::string extended;
    if (size == 126) {
      if (!link.exactly(2, extended)) return false;
      size = static_cast<std::size_t>(static_cast<unsigned char>(extended[0]) << 8 |
                                      static_cast<unsigned char>(extended[1]));
    }
    if (!link.exactly(4, mask) || !link.exactly(size, text)) return false;
    for (std::size_t i = 0; i < size; ++i)
      text[i] = static_cast<char>(text[i] ^ mask[i % 4]);
    const char first = static_cast<char>(0x80 | (opcode == 9 ? 10 : opcode));
    if (!link.send(first + (extended.empty() ? std::string(1, static_cast<char>(size)) : "\x7e" + extended) +
                   text))
      return false;
    if (opcode == 8) return false;
  }
  return false;
}

bool respond(Link& link, const Request& request) {
  const std::string& path = request.path;
  if (path == "/") return answer(link, "dyno=" + variable("DYNO") + " started=" + started + "\n");
  if (path.rfind("/head", 0) == 0) return answer(link, request.head + "\r\n");
  if (path == "/upload") return upload(link, request);
  if (path == "/refuse") return answer(link, "too much\n", "413 Content Too Large") && false;
  if (path == "/echo") return echo(link, request);
  if (path == "/stream") return stream(link, request, "text/plain", "piece ", "\n");
  if (path == "/events") return stream(link, request, "text/event-stream", "data: ", "\n\n");
  if (path == "/big") return big(link, request);
  if (path == "/ws") return websocket(link, request);
  if (path == "/crash") std::_Exit(3);
  if (path == "/slow") {
    pauseMs(request.number(0));
    return answer(link, "slow\n");
  }
  return answer(link, "", "404 Not Found");
}

void serve(int fd) {
  Link link(fd);
  Request request;
  while (readRequest(link, request)) {
    if (request.head.rfind("HEAD ", 0) == 0) {
      if (!link.send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")) return;
    } else if (!respond(link, request)) {
      return;
    }
  }
}

}  // namespace

int main() {
  pauseMs(std::atol(variable("START_MS").c_str()));
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<unsigned short>(std::atoi(variable("PORT").c_str())));
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 1024) != 0) {
    std::perror("listen");
    return 1;
  }
  while (true) {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread(serve, client).detach();
  }
}
