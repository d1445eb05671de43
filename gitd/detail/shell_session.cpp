#include "gitd/detail/shell_session.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "gitd/detail/ssh_command.h"
#include "gitd/detail/thread.h"

namespace gitd::detail {
namespace {

constexpr std::chrono::seconds kCallTime{10};
constexpr std::chrono::milliseconds kMaxPoll{60'000};
constexpr std::size_t kPiece = 64u << 10;
constexpr std::size_t kMaxUnsent = 256u << 10;

}  // namespace

ShellSession::ShellSession(base::Fd socket, const ShellShared& shared)
    : socket_(std::move(socket)),
      limits_(shared.limits),
      handler_(shared.handler),
      metrics_(shared.metrics),
      wake_(base::makeEventFd()),
      io_(wake_) {}

void ShellSession::requestAbort() {
  abortRequested_ = true;
  base::signalEvent(wake_);
}

void ShellSession::run() {
  if (const auto call = readCall()) answer(*call);
  io_.abandon(ChannelIo::Gone::closed);
  if (worker_.joinable()) worker_.join();
}

std::optional<ShellCall> ShellSession::readCall() {
  const auto deadline = Clock::now() + kCallTime;
  std::array<char, 4096> buffer{};
  while (received_.find('\n') == std::string::npos) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (left <= 0 || received_.size() > kMaxShellRequest || ::poll(&waiting, 1, static_cast<int>(left)) <= 0)
      return std::nullopt;
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return std::nullopt;
    received_.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const std::size_t end = received_.find('\n');
  const ShellCall call = decodeCall(std::string_view(received_).substr(0, end));
  received_.erase(0, end + 1);
  return call;
}

void ShellSession::answer(const ShellCall& call) {
  std::optional<Identity> identity;
  try {
    identity = handler_.findIdentity(call.fingerprint);
  } catch (const std::exception& failure) {
    base::Log("gitd").error("keys cannot be looked up", {{"error", failure.what()}});
    appendFrame(unsent_, ShellFrame::err, "fairlead: " + std::string(kNoLookup) + "\n");
    appendFrame(unsent_, ShellFrame::exit, "\1");
    flush();
    return;
  }
  if (identity && call.want == ShellCall::Want::serve) return serve(call, std::move(*identity));
  if (!identity && call.want == ShellCall::Want::serve) {
    appendFrame(unsent_, ShellFrame::err,
                "fairlead: key " + base::printable(call.fingerprint) +
                    " is not known here; add it with: fairlead keys:add FILE.pub\n");
  }
  appendFrame(unsent_, ShellFrame::exit, std::string(1, identity ? '\0' : '\1'));
  flush();  // a few bytes into an empty socket
}

void ShellSession::serve(const ShellCall& call, Identity identity) {
  request_.commandLine = call.commandLine;
  metrics_.countSession(parseSshCommand(request_.commandLine));
  context_.emplace(ServiceContext{limits_, handler_, io_, std::move(identity), base::printable(call.peer),
                                  protocolVersion(call.gitProtocol)});
  worker_ = std::jthread([this] {
    beginThread("gitd-worker");
    serveCommand(*context_, request_);
  });
  if (!received_.empty()) io_.offer(received_);
  loop();
}

void ShellSession::loop() {
  std::optional<Clock::time_point> abortingSince;
  while (!exitSent_ || !unsent_.empty()) {
    const bool wantsInput = !inputEnded_ && io_.wantsInput();
    const auto events = static_cast<short>((wantsInput ? POLLIN : 0) | (unsent_.empty() ? 0 : POLLOUT));
    pollfd waiting[2] = {{socket_.get(), events, 0}, {wake_.get(), POLLIN, 0}};
    const int ready = ::poll(waiting, 2, pollTimeout(Clock::now()));
    if (ready < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) base::drainEvent(wake_);
    if ((waiting[0].revents & POLLIN) != 0) readInput();
    if ((waiting[0].revents & (POLLERR | POLLHUP)) != 0) return;
    if (abortRequested_ && !abortingSince) {
      io_.dismiss(kShutDown);
      abortingSince = Clock::now();
    }
    if (abortingSince && Clock::now() > *abortingSince + kFarewell) return;
    queueOutput(Clock::now());
    if (!flush()) return;
  }
}

int ShellSession::pollTimeout(Clock::time_point now) const {
  auto wait = abortRequested_ ? kFarewell : kMaxPoll;
  // With output that the client does not take no time helps.
  if (const auto due = io_.due(); due && unsent_.size() < kMaxUnsent)
    wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*due - now));
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

void ShellSession::readInput() {
  std::array<char, kPiece> buffer;
  const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0) {
    io_.offer({buffer.data(), static_cast<std::size_t>(count)});
  } else if (count == 0) {
    inputEnded_ = true;
    io_.endInput();
  }
}

void ShellSession::queueOutput(Clock::time_point now) {
  while (unsent_.size() < kMaxUnsent) {
    const auto output = io_.take(now);
    if (!output) break;
    const auto kind = output->stream == ChannelIo::Stream::err ? ShellFrame::err : ShellFrame::out;
    for (std::string_view rest = output->bytes; !rest.empty();
         rest.remove_prefix(std::min(rest.size(), kPiece)))
      appendFrame(unsent_, kind, rest.substr(0, kPiece));
  }
  const auto status = io_.finished();
  if (!status || exitSent_) return;
  appendFrame(unsent_, ShellFrame::exit, std::string(1, static_cast<char>(*status)));
  exitSent_ = true;
}

/// False when the client is gone.
bool ShellSession::flush() {
  while (!unsent_.empty()) {
    const ssize_t count = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    unsent_.erase(0, static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace gitd::detail
