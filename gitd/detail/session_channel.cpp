#include "gitd/detail/session_channel.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/c_callback.h"
#include "base/strings.h"
#include "gitd/detail/ssh_command.h"
#include "gitd/detail/thread.h"

namespace gitd::detail {
namespace {

// libssh opens a window of 1.28 MB and counts what it still holds only in part; more than this is a client
// that ignores the window.
constexpr std::size_t kMaxHeldBytes = 4u << 20;
constexpr std::size_t kMaxWrite = 128u << 10;
constexpr std::size_t kMaxProtocolValue = 256;
constexpr std::size_t kMaxShownName = 40;
constexpr int kRefused = 1;     // a callback's answer to libssh
constexpr char kInterrupt = 3;  // ^C as a terminal in raw mode sends it
constexpr char kEndOfFile = 4;  // ^D

SessionChannel& channelOf(void* self) {
  return *static_cast<SessionChannel*>(self);
}

base::TerminalSize sizeOf(int columns, int rows) {
  base::TerminalSize size;
  if (columns > 0) size.columns = static_cast<unsigned>(columns);
  if (rows > 0) size.rows = static_cast<unsigned>(rows);
  return size;
}

}  // namespace

SessionChannel::SessionChannel(ssh_channel channel, const base::Fd& wake, MakeContext makeContext,
                               std::string refusal)
    : channel_(channel), makeContext_(std::move(makeContext)), io_(wake), refusal_(std::move(refusal)) {
  callbacks_.userdata = this;
  callbacks_.channel_pty_request_function = &onPty;
  callbacks_.channel_shell_request_function = &onShell;
  callbacks_.channel_exec_request_function = &onExec;
  callbacks_.channel_env_request_function = &onEnv;
  callbacks_.channel_subsystem_request_function = &onSubsystem;
  callbacks_.channel_pty_window_change_function = &onWindowChange;
  callbacks_.channel_data_function = &onData;
  callbacks_.channel_eof_function = &onEof;
  callbacks_.channel_close_function = &onClose;
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

SessionChannel::~SessionChannel() {
  io_.abandon(ChannelIo::Gone::closed);
  if (worker_.joinable()) worker_.join();
  // libssh keeps a channel until the other side closes it too; it must not call us then.
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
}

int SessionChannel::onPty(ssh_session, ssh_channel, const char* type, int columns, int rows, int, int,
                          void* self) {
  SessionChannel& channel = channelOf(self);
  return base::shielded(channel.parked_, kRefused, [&] {
    if (channel.started_) return kRefused;  // its worker reads the request
    channel.request_.terminal = sizeOf(columns, rows);
    channel.request_.terminalType = base::printable(type ? type : "", kMaxShownName);
    return 0;
  });
}

int SessionChannel::onShell(ssh_session, ssh_channel, void* self) {
  return channelOf(self).startOrRefuse("");
}

int SessionChannel::onExec(ssh_session, ssh_channel, const char* command, void* self) {
  return channelOf(self).startOrRefuse(command ? command : "");
}

int SessionChannel::onEnv(ssh_session, ssh_channel, const char* name, const char* value, void* self) {
  if (!name || !value || std::string_view(name) != "GIT_PROTOCOL" ||
      std::string_view(value).size() > kMaxProtocolValue) {
    return kRefused;
  }
  SessionChannel& channel = channelOf(self);
  return base::shielded(channel.parked_, kRefused, [&] {
    channel.gitProtocol_ = value;
    return 0;
  });
}

int SessionChannel::onSubsystem(ssh_session, ssh_channel, const char* name, void* self) {
  SessionChannel& channel = channelOf(self);
  return base::shielded(channel.parked_, kRefused, [&] {
    if (channel.started_) return kRefused;
    // Granted only to say so: of a refused one clients say no more than that.
    channel.refusal_ = "\"" + base::printable(name ? name : "", kMaxShownName) +
                       "\" is not served: git push, git clone and the commands of fairlead help are";
    return channel.startOrRefuse("");
  });
}

int SessionChannel::onWindowChange(ssh_session, ssh_channel, int columns, int rows, int, int, void* self) {
  SessionChannel& channel = channelOf(self);
  return base::shielded(channel.parked_, 0, [&] {
    channel.io_.resize(sizeOf(columns, rows));
    return 0;
  });
}

int SessionChannel::onData(ssh_session, ssh_channel, void* data, std::uint32_t length, int isStderr,
                           void* self) {
  SessionChannel& channel = channelOf(self);
  const auto taken = static_cast<int>(length);
  if (isStderr != 0) return taken;  // means nothing from a client
  return base::shielded(channel.parked_, taken, [&] {
    return channel.takeInput({static_cast<const char*>(data), length}) ? taken : 0;
  });
}

void SessionChannel::onEof(ssh_session, ssh_channel, void* self) {
  SessionChannel& channel = channelOf(self);
  if (channel.inputHeld_) {
    channel.eofPending_ = true;
  } else {
    channel.io_.endInput();
  }
}

void SessionChannel::onClose(ssh_session, ssh_channel, void* self) {
  SessionChannel& channel = channelOf(self);
  channel.remoteClosed_ = true;
  channel.io_.abandon(ChannelIo::Gone::closed);
}

int SessionChannel::startOrRefuse(const char* commandLine) {
  return base::shielded(parked_, kRefused, [&] {
    if (std::exchange(started_, true)) return kRefused;  // one request a channel
    if (!refusal_.empty()) {
      io_.writeText(ChannelIo::Stream::err, "fairlead: " + refusal_ + "\n");
      io_.finish(1);
      return 0;
    }
    request_.commandLine = commandLine;
    const SshCommand command = parseSshCommand(request_.commandLine);
    servesGit_ = std::holds_alternative<GitCommand>(command);
    context_.emplace(makeContext_(io_, command, protocolVersion(gitProtocol_)));
    worker_ = std::jthread([this] {
      beginThread("gitd-worker");
      serveCommand(*context_, request_);
    });
    return 0;
  });
}

bool SessionChannel::takeInput(std::string_view bytes) {
  if (request_.terminal && !io_.passesKeys()) {
    if (bytes.find(kInterrupt) != std::string_view::npos) io_.abandon(ChannelIo::Gone::closed);
    if (bytes.find(kEndOfFile) != std::string_view::npos) io_.endInput();
  }
  const bool taken = io_.offer(bytes);
  inputHeld_ = !taken;
  if (bytes.size() > kMaxHeldBytes) violated_ = true;
  return taken;
}

void SessionChannel::drainInput() {
  if (!inputHeld_ || !io_.wantsInput()) return;
  // All at once: a piece at a time would let libssh open the window further with every read.
  const int held = ssh_channel_poll(channel_, 0);
  if (held > 0) {
    std::string bytes(static_cast<std::size_t>(held), '\0');
    const int count =
        ssh_channel_read_nonblocking(channel_, bytes.data(), static_cast<std::uint32_t>(held), 0);
    if (count > 0) io_.offer(std::string_view(bytes).substr(0, static_cast<std::size_t>(count)));
  }
  inputHeld_ = false;
  if (eofPending_) io_.endInput();
}

bool SessionChannel::canWrite() const {
  if (localClosed_ || remoteClosed_ || !ssh_channel_is_open(channel_)) return false;
  // What libssh has not given to the socket yet counts against us, whatever the client's window is.
  return ssh_channel_window_size(channel_) > 0 &&
         (ssh_get_status(ssh_channel_get_session(channel_)) & SSH_WRITE_PENDING) == 0;
}

void SessionChannel::pushOutput(ChannelIo::Clock::time_point now) {
  while (canWrite()) {
    if (unsent_.bytes.empty()) {
      auto next = io_.take(now);
      if (!next) return;
      unsent_ = std::move(*next);
    }
    const auto length = static_cast<std::uint32_t>(std::min(unsent_.bytes.size(), kMaxWrite));
    const auto write =
        unsent_.stream == ChannelIo::Stream::err ? &ssh_channel_write_stderr : &ssh_channel_write;
    const int count = write(channel_, unsent_.bytes.data(), length);
    if (count <= 0) return;
    unsent_.bytes.erase(0, static_cast<std::size_t>(count));
  }
}

void SessionChannel::closeWhenServed() {
  if (localClosed_ || !started_ || !unsent_.bytes.empty()) return;
  const auto status = io_.finished();
  if (!status) return;
  if (!remoteClosed_) {
    ssh_channel_request_send_exit_status(channel_, *status);
    ssh_channel_send_eof(channel_);
    ssh_channel_close(channel_);
  }
  localClosed_ = true;
}

void SessionChannel::pump(ChannelIo::Clock::time_point now) {
  base::rethrowParked(parked_);
  drainInput();
  pushOutput(now);
  closeWhenServed();
}

std::optional<ChannelIo::Clock::time_point> SessionChannel::due() const {
  // Without room for output no time helps; the window's opening wakes the loop.
  return canWrite() && unsent_.bytes.empty() ? io_.due() : std::nullopt;
}

void SessionChannel::abandon(ChannelIo::Gone how) {
  io_.abandon(how);
}

void SessionChannel::sayLast(std::string_view sentence) {
  if (std::exchange(lastSaid_, true) || !busy()) return;
  io_.dismiss(sentence);
}

bool SessionChannel::saidLast() const {
  return remoteClosed_ || (io_.drained() && unsent_.bytes.empty());
}

bool SessionChannel::over() const {
  if (!started_) return remoteClosed_;
  return remoteClosed_ && io_.workerDone();
}

}  // namespace gitd::detail
