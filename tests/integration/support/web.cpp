// The app that the integration tests push: a web server in one static binary, so that its build takes no time
// and needs no network. It answers on PORT. / says who answers (its page.txt, DYNO, PORT, and when it
// started); /env/NAME an environment variable; /slow takes a second; /health is 404 while /tmp/sick is
// there; /crash ends the process; /run?PATH runs ./PATH and answers with its output; other queries change
// nothing. Not a part of the product.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace {

/// Tells one process from the next, as a pid in a container does not.
const std::string started = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string readFile(const char* name) {
  std::ifstream in(name);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string run(const std::string& program) {
  std::string text;
  FILE* pipe = ::popen(("./" + program + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "cannot run it";
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe))
    text.append(buffer, count);
  ::pclose(pipe);
  return text;
}

std::string answer(const std::string& target) {
  const std::string path = target.rfind("/run?", 0) == 0 ? target : target.substr(0, target.find('?'));
  if (path == "/") {
    return "page=" + readFile("page.txt") + " dyno=" + variable("DYNO") + " port=" + variable("PORT") +
           " started=" + started + "\n";
  }
  if (path.rfind("/env/", 0) == 0) return variable(path.substr(5).c_str()) + "\n";
  if (path.rfind("/run?", 0) == 0) return run(path.substr(5));
  if (path == "/health") return ::access("/tmp/sick", F_OK) == 0 ? "" : "well\n";
  if (path == "/slow") {
    ::sleep(1);
    return "slow\n";
  }
  if (path == "/crash") std::exit(3);
  return "";
}

/// One request after the other on a connection, until the client closes it.
void serve(int client) {
  std::string received;
  char buffer[8192];
  while (true) {
    const auto end = received.find("\r\n\r\n");
    if (end == std::string::npos) {
      const auto count = ::read(client, buffer, sizeof buffer);
      if (count <= 0) break;
      received.append(buffer, static_cast<std::size_t>(count));
      continue;
    }
    const std::string line = received.substr(0, received.find("\r\n"));
    received.erase(0, end + 4);
    const auto start = line.find(' ') + 1;
    const std::string path = line.substr(start, line.find(' ', start) - start);
    const std::string body = answer(path);
    const std::string head = body.empty() ? "HTTP/1.1 404 Not Found\r\n" : "HTTP/1.1 200 OK\r\n";
    const std::string all = head +
                            "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body;
    if (::send(client, all.data(), all.size(), MSG_NOSIGNAL) < 0) break;
  }
  ::close(client);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "web";
  std::printf("%s starts with page %s\n", role.c_str(), readFile("page.txt").c_str());
  std::fflush(stdout);
  if (role == "worker") {
    while (true)
      ::pause();
  }
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<unsigned short>(std::atoi(variable("PORT").c_str())));
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 256) != 0) {
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
