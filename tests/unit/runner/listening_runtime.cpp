#include "tests/unit/runner/listening_runtime.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace test {
namespace {

base::Fd listenAt(const std::string& address, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(fd.get(), 16) != 0) {
    throw std::runtime_error("cannot listen at " + address);
  }
  return fd;
}

std::uint16_t freePort() {
  const base::Fd fd = listenAt("127.77.0.1", 0);
  sockaddr_in name{};
  socklen_t length = sizeof name;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &length);
  return ntohs(name.sin_port);
}

/// "app.v3.web.1.ab12" is "web.1 v3".
std::string shortName(const std::string& id) {
  const auto parts = [&] {
    std::vector<std::string> found;
    for (std::size_t at = 0; at <= id.size();) {
      const std::size_t end = std::min(id.find('.', at), id.size());
      found.push_back(id.substr(at, end - at));
      at = end + 1;
    }
    return found;
  }();
  return parts.size() == 5 ? parts[2] + "." + parts[3] + " " + parts[1] : id;
}

}  // namespace

ListeningRuntime::ListeningRuntime() : port_(freePort()) {}

void ListeningRuntime::behave(const std::string& type, Behaviour behaviour) {
  const std::lock_guard lock(mutex_);
  behaviours_[type] = std::move(behaviour);
}

std::vector<std::string> ListeningRuntime::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

void ListeningRuntime::addEvent(std::string event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}

std::string ListeningRuntime::idOf(const std::string& process) {
  for (const std::string& id : running()) {
    if (shortName(id).starts_with(process + " ")) return id;
  }
  throw std::runtime_error(process + " is not running");
}

void ListeningRuntime::crash(const std::string& process, int code) {
  const std::string id = idOf(process);
  finish(id, {.code = code, .signal = 0});
  closeUnlessRunning(id);
}

std::set<std::string> ListeningRuntime::running() {
  std::set<std::string> ids;
  for (const std::string& id : list()) {
    const auto state = status(id);
    if (state && state->running) ids.insert(id);
  }
  return ids;
}

sandbox::RunningContainer ListeningRuntime::start(const sandbox::ContainerSpec& spec,
                                                  const std::filesystem::path& logFile) {
  const std::lock_guard starting(startMutex_);  // setAddress() and start() belong together
  Behaviour behaviour;
  std::string address;
  const std::string type = spec.argv.back();
  {
    const std::lock_guard lock(mutex_);
    ++lastAddress_;
    address =
        "127.77." + std::to_string(lastAddress_ / 200 + 1) + "." + std::to_string(lastAddress_ % 200 + 1);
    behaviour = behaviours_[type];
    events_.push_back("start " + shortName(spec.id));
    if (type == "web" && behaviour.opensPort && behaviour.exitCode < 0) {
      Listener& listener = listeners_[spec.id];
      listener.fd = listenAt(address, port_);
      if (!behaviour.answer.empty()) {
        listener.answering = std::jthread(
            [this, type, fd = listener.fd.get()](const std::stop_token& stop) { answer(type, fd, stop); });
      }
    }
  }
  setAddress(address);
  const auto container = ScriptedRuntime::start(spec, logFile);
  if (!behaviour.output.empty()) appendLog(spec.id, "stdout", behaviour.output);
  if (behaviour.exitCode >= 0) finish(spec.id, {.code = behaviour.exitCode, .signal = 0});
  return container;
}

void ListeningRuntime::signal(const std::string& id, int signalNumber) {
  addEvent("signal " + shortName(id) + " " + std::to_string(signalNumber));
  ScriptedRuntime::signal(id, signalNumber);
  closeUnlessRunning(id);
}

void ListeningRuntime::remove(const std::string& id) {
  addEvent("remove " + shortName(id));
  ScriptedRuntime::remove(id);
  closeUnlessRunning(id);
}

void ListeningRuntime::closeUnlessRunning(const std::string& id) {
  const auto state = status(id);
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(id);
  if (found == listeners_.end() || (state && state->running)) return;
  found->second.answering.request_stop();
  ::shutdown(found->second.fd.get(), SHUT_RDWR);  // nobody connects from now on, and the thread wakes up
  if (found->second.answering.joinable()) closed_.push_back(std::move(found->second));
  listeners_.erase(found);
}

ListeningRuntime::~ListeningRuntime() {
  for (auto& [id, listener] : listeners_) {
    listener.answering.request_stop();
    ::shutdown(listener.fd.get(), SHUT_RDWR);
  }
}

void ListeningRuntime::answer(const std::string& type, int listener, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const base::Fd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) return;
    std::array<char, 4096> request{};
    if (::recv(client.get(), request.data(), request.size(), 0) <= 0) continue;
    std::string text;
    {
      const std::lock_guard lock(mutex_);
      text = behaviours_[type].answer;
    }
    ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
}

}  // namespace test
