// pull_load HOST PORT PATH CLIENTS SECONDS: that many processes, each with one connection that stays open,
// GET the path again and again. Prints "REQUESTS BYTES SECONDS"; fails when an answer is not 200 or shorter
// than it says. No library, so that little of the measured time is the client's own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Count {
  std::uint64_t requests;
  std::uint64_t bytes;
  int failed;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "pull_load: %s\n", what.c_str());
  ::_exit(1);
}

int connectTo(const char* host, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host, &address.sin_addr);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("cannot connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::uint64_t contentLength(const std::string& head) {
  for (const char* name : {"\r\nContent-Length:", "\r\ncontent-length:"}) {
    const auto at = head.find(name);
    if (at != std::string::npos) return std::strtoull(head.c_str() + at + std::strlen(name), nullptr, 10);
  }
  die("an answer without Content-Length");
}

/// One request and its whole answer; returns the body's length.
std::uint64_t pull(int fd, const std::string& request, std::vector<char>& buffer) {
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    die("cannot send");
  std::string head;
  std::size_t end = std::string::npos;
  while (end == std::string::npos) {
    const auto count = ::recv(fd, buffer.data(), 16384, 0);
    if (count <= 0) die("the connection was closed before an answer");
    head.append(buffer.data(), static_cast<std::size_t>(count));
    end = head.find("\r\n\r\n");
  }
  if (head.compare(0, 12, "HTTP/1.1 200") != 0) die("answer: " + head.substr(0, head.find('\r')));
  const std::uint64_t length = contentLength(head.substr(0, end + 2));
  std::uint64_t received = head.size() - end - 4;
  while (received < length) {
    const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count <= 0) die("the connection was closed in the middle of an answer");
    received += static_cast<std::uint64_t>(count);
  }
  return length;
}

void runClient(char** argv, Clock::time_point deadline, Count& count) {
  const int fd = connectTo(argv[1], std::atoi(argv[2]));
  const std::string request = std::string("GET ") + argv[3] + " HTTP/1.1\r\nHost: " + argv[1] + ":" +
                              argv[2] + "\r\nAccept: */*\r\n\r\n";
  std::vector<char> buffer(1u << 20);
  while (Clock::now() < deadline) {
    count.bytes += pull(fd, request, buffer);
    ++count.requests;
  }
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: pull_load HOST PORT PATH CLIENTS SECONDS\n", stderr);
    return 2;
  }
  const int clients = std::atoi(argv[4]);
  void* shared = ::mmap(nullptr, sizeof(Count) * static_cast<std::size_t>(clients), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* counts = static_cast<Count*>(shared);
  const auto start = Clock::now();
  const auto deadline = start + std::chrono::seconds(std::atoi(argv[5]));
  for (int i = 0; i < clients; ++i) {
    if (::fork() == 0) runClient(argv, deadline, counts[i]);
  }
  int failures = 0;
  int status = 0;
  while (::wait(&status) > 0)
    failures += status != 0;
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  Count all{};
  for (int i = 0; i < clients; ++i) {
    all.requests += counts[i].requests;
    all.bytes += counts[i].bytes;
  }
  std::printf("%llu %llu %.3f\n", static_cast<unsigned long long>(all.requests),
              static_cast<unsigned long long>(all.bytes), seconds);
  return failures == 0 ? 0 : 1;
}
