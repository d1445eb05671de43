#include "runner/detail/health_probe.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/http_session.h"
#include "base/strings.h"
#include "runner/detail/port_check.h"

namespace runner::detail {
namespace {

using State = ProbeAnswer::State;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 64u << 10;
constexpr milliseconds kStopSeen{200};

/// A connection that all of a probe's waiting is done on, until one moment.
class Conversation {
 public:
  Conversation(steady_clock::time_point end, std::stop_token stop) : end_(end), stop_(std::move(stop)) {}

  /// False when nobody listens.
  bool connect(const std::string& address) {
    fd_ = startConnecting(address);
    return fd_.valid() && await(POLLOUT) && isConnected(fd_);
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno != EAGAIN || !await(POLLOUT))) return false;
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// Until `enough`, the end of the connection, or too much; false when time was over first.
  template <typename Enough>
  bool read(std::string& answer, Enough enough) {
    std::array<char, 4096> buffer{};
    while (answer.size() < kMaxAnswer && !enough(answer)) {
      const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) {
        if (!await(POLLIN)) return false;
        continue;
      }
      if (count <= 0) return true;
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  bool await(short events) {
    while (!stop_.stop_requested()) {
      const auto left = std::chrono::ceil<milliseconds>(end_ - steady_clock::now());
      if (left.count() <= 0) return false;
      pollfd watched{fd_.get(), events, 0};
      if (::poll(&watched, 1, static_cast<int>(std::min(left, kStopSeen).count())) == 1) return true;
    }
    return false;
  }

  steady_clock::time_point end_;
  std::stop_token stop_;
  base::Fd fd_;
};

std::string requestOf(const store::ProcessCheck& check, const std::string& address) {
  std::string text = "GET " + check.path + " HTTP/1.1\r\n";
  const auto hasHeader = [&](std::string_view name) {
    return std::any_of(check.headers.begin(), check.headers.end(), [&](const auto& header) {
      return std::equal(header.first.begin(), header.first.end(), name.begin(), name.end(),
                        [](char a, char b) { return (a | 0x20) == (b | 0x20); });
    });
  };
  if (!hasHeader("host")) text += "Host: " + address + "\r\n";
  if (!hasHeader("user-agent")) text += "User-Agent: fairlead-check\r\n";
  for (const auto& [name, value] : check.headers)
    text += name + ": " + value + "\r\n";
  return text + "Connection: close\r\n\r\n";
}

/// "HTTP/1.1 200 OK". (RFC 9112 section 4.)
std::optional<int> statusOf(std::string_view answer) {
  std::uint64_t status = 0;
  constexpr std::size_t kAt = 9, kDigits = 3;
  if (!answer.starts_with("HTTP/1.") || answer.size() < kAt + kDigits || answer[kAt - 1] != ' ' ||
      !base::parseNumber(answer.substr(kAt, kDigits), status))
    return std::nullopt;
  return static_cast<int>(status);
}

/// What lies behind the headers, the frames of chunks taken out as far as they came. (RFC 9112 section 7.1.)
std::string bodyOf(std::string_view answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  if (end == std::string_view::npos) return "";
  std::string headers(answer.substr(0, end));
  std::transform(headers.begin(), headers.end(), headers.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  std::string_view rest = answer.substr(end + 4);
  if (headers.find("\r\ntransfer-encoding:") == std::string::npos) return std::string(rest);
  std::string body;
  for (;;) {
    const std::size_t line = rest.find("\r\n");
    const auto length =
        line == std::string_view::npos ? std::nullopt : base::parseChunkHead(rest.substr(0, line));
    if (!length || *length == 0) return body;
    rest.remove_prefix(line + 2);
    body += rest.substr(0, std::min<std::uint64_t>(*length, rest.size()));
    rest.remove_prefix(std::min<std::uint64_t>(*length + 2, rest.size()));
  }
}

}  // namespace

ProbeAnswer probeHttp(const store::ProcessCheck& check, const std::string& address,
                      const std::stop_token& stop) {
  const std::string late = "did not answer within " + std::to_string(check.timeout.count()) + " s";
  Conversation conversation(steady_clock::now() + check.timeout, stop);
  if (!conversation.connect(address)) return {State::notListening, "its port is not open"};
  std::string answer;
  const bool sent = conversation.send(requestOf(check, address));
  const auto enough = [&](const std::string& text) {
    return check.content.empty() && text.find("\r\n") != std::string::npos;
  };
  if (!sent || !conversation.read(answer, enough)) {
    const bool hasContent = !check.content.empty() && bodyOf(answer).find(check.content) != std::string::npos;
    if (!hasContent) return {State::unwell, late};
  }
  const auto status = statusOf(answer);
  if (!status)
    return {State::unwell,
            answer.empty() ? "closed the connection without an answer" : "did not answer in HTTP"};
  if (*status < check.statusFrom || *status > check.statusTo)
    return {State::unwell, "answered " + std::to_string(*status)};
  if (bodyOf(answer).find(check.content) == std::string::npos)
    return {State::unwell, "answered without \"" + base::printable(check.content, 60) + "\""};
  return {};
}

}  // namespace runner::detail
