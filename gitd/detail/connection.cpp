#include "gitd/detail/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/c_callback.h"
#include "base/log.h"
#include "base/strings.h"
#include "gitd/detail/ssh_key.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxChannels = 10;
// Agents offer every key that they hold before the right one; more than this is somebody looking for a key.
constexpr int kMaxOffers = 30;
// While others wait at the door a stranger gets this long, which is many times what a login takes.
constexpr std::chrono::seconds kCrowdedGrace{5};
constexpr std::chrono::milliseconds kKeepaliveInterval{60'000};
constexpr std::chrono::milliseconds kMaxWait{60'000};

Connection& connectionOf(void* self) {
  return *static_cast<Connection*>(self);
}

/// Without it each packet of the handshake waits for a delayed acknowledgement: 50 ms a login. The kernel
/// forgets the option at every read.
void acknowledgeQuickly(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

}  // namespace

Connection::Connection(ConnectionShared& shared, SshSession session, std::string peer)
    : shared_(shared), wake_(base::makeEventFd()), session_(std::move(session)), peer_(std::move(peer)) {
  ++shared_.unauthenticated;
}

Connection::~Connection() {
  hangUp(ChannelIo::Gone::closed);
  if (!identity_) --shared_.unauthenticated;
}

void Connection::requestEnd() {
  endRequested_ = true;
  base::signalEvent(wake_);
}

void Connection::requestAbort() {
  abortRequested_ = true;
  base::signalEvent(wake_);
}

void Connection::run() {
  if (handshake()) {
    loop();
  } else {
    base::Log("gitd").debug(
        "no ssh", {{"peer", peer_}, {"error", base::printable(ssh_get_error(session_.get()), 200)}});
  }
  // Silence is not a decision: only a client that hung up cancels its push.
  const bool silent =
      idle_ || std::strstr(ssh_get_error(session_.get()), std::strerror(ETIMEDOUT)) != nullptr;
  hangUp(silent && !abortRequested_ ? ChannelIo::Gone::lost : ChannelIo::Gone::closed);
}

/// On the connection's own thread, where SIGPIPE is blocked; the destructor finds it done. Waits for the
/// workers.
void Connection::hangUp(ChannelIo::Gone how) {
  if (std::exchange(hungUp_, true)) return;
  for (auto& channel : channels_)
    channel->abandon(how);
  channels_.clear();
  if (event_) {
    ssh_event_remove_fd(event_.get(), wake_.get());
    ssh_event_remove_session(event_.get(), session_.get());
  }
  ssh_disconnect(session_.get());
}

bool Connection::handshake() {
  ssh_session session = session_.get();
  callbacks_.userdata = this;
  callbacks_.auth_pubkey_function = &onPublicKey;
  callbacks_.channel_open_request_session_function = &onOpenSession;
  ssh_callbacks_init(&callbacks_);
  ssh_set_server_callbacks(session, &callbacks_);
  ssh_set_message_callback(session, &onMessage, this);
  ssh_set_auth_methods(session, SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_INTERACTIVE);
  ssh_set_counters(session, &traffic_, nullptr);
  ssh_set_blocking(session, 0);
  // Once, and only then does the socket have a place in an event loop.
  if (ssh_handle_key_exchange(session) == SSH_ERROR) return false;
  event_.reset(ssh_event_new());
  if (!event_ || ssh_event_add_session(event_.get(), session) != SSH_OK) return false;
  return ssh_event_add_fd(event_.get(), wake_.get(), POLLIN, &onWake, this) == SSH_OK;
}

void Connection::loop() {
  const int socket = ssh_get_fd(session_.get());
  while (true) {
    acknowledgeQuickly(socket);
    const int rc = ssh_event_dopoll(event_.get(), pollTimeout(Clock::now()));
    const auto now = Clock::now();
    base::rethrowParked(parked_);
    noteTraffic(now);
    if (rc == SSH_ERROR || socketLost()) return;
    pumpChannels(now);
    if (socketLost() || shouldEnd(now)) return;
    keepAlive(now);
  }
}

bool Connection::socketLost() const {
  return (ssh_get_status(session_.get()) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

int Connection::onWake(socket_t, int, void* self) {
  base::drainEvent(connectionOf(self).wake_);
  return 0;
}

int Connection::onPublicKey(ssh_session, const char*, ssh_key key, char state, void* self) {
  Connection& connection = connectionOf(self);
  return base::shielded(connection.parked_, static_cast<int>(SSH_AUTH_DENIED),
                        [&] { return connection.judgeKey(key, state); });
}

int Connection::judgeKey(ssh_key key, int state) {
  if (++offers_ > kMaxOffers) {
    refused_ = true;
    return SSH_AUTH_DENIED;
  }
  // NONE is only "would you take this key?"; nobody has proved anything before VALID.
  if (state != SSH_PUBLICKEY_STATE_NONE && state != SSH_PUBLICKEY_STATE_VALID) return SSH_AUTH_DENIED;
  if (!isAcceptedKeyType(key)) return SSH_AUTH_DENIED;
  const std::string fingerprint = fingerprintOf(key);
  auto identity = shared_.handler.findIdentity(fingerprint);
  if (!identity) {
    offeredKey_ = fingerprint;
    return SSH_AUTH_DENIED;
  }
  if (state == SSH_PUBLICKEY_STATE_VALID) authenticated(std::move(*identity));
  return SSH_AUTH_SUCCESS;
}

void Connection::authenticated(Identity identity) {
  if (identity_) return;
  base::Log("gitd").debug("logged in",
                          {{"peer", peer_}, {"user", identity.user}, {"key", identity.fingerprint}});
  identity_ = std::move(identity);
  --shared_.unauthenticated;
  base::signalEvent(shared_.changed);
}

int Connection::onMessage(ssh_session, ssh_message message, void* self) {
  Connection& connection = connectionOf(self);
  const int type = ssh_message_type(message);
  const int subtype = ssh_message_subtype(message);
  constexpr int kDefaultAnswer = 1;  // libssh's, which is a refusal
  return base::shielded(connection.parked_, kDefaultAnswer, [&] {
    if (type == SSH_REQUEST_AUTH && subtype == SSH_AUTH_METHOD_INTERACTIVE) {
      return connection.explainRefusal(message);
    }
    if (type == SSH_REQUEST_CHANNEL && subtype == SSH_CHANNEL_REQUEST_UNKNOWN) {
      connection.noteUnknownRequest(message);
    }
    return kDefaultAnswer;
  });
}

/// When git alone is killed, its ssh lives on and says nothing but "eow@openssh.com": that nobody reads what
/// we send. libssh keeps the request's name to itself, but it is the only one unknown to it that OpenSSH
/// sends on a channel.
void Connection::noteUnknownRequest(ssh_message message) {
  const char* banner = ssh_get_clientbanner(session_.get());
  if (banner == nullptr || std::strstr(banner, "OpenSSH") == nullptr) return;
  ssh_channel about = ssh_message_channel_request_channel(message);
  for (const auto& channel : channels_) {
    if (channel->is(about)) channel->abandon(ChannelIo::Gone::closed);
  }
}

/// Keyboard-interactive is what a client tries when all its keys were refused. It asks nothing and never lets
/// anybody in: it is the one place where SSH shows a sentence to somebody who cannot log in.
int Connection::explainRefusal(ssh_message message) {
  if (ssh_message_auth_kbdint_is_response(message) != 0) {
    refused_ = true;
    return 1;
  }
  const std::string sentence =
      offeredKey_.empty()
          ? "fairlead: log in with an SSH key; none was offered"
          : "fairlead: key " + offeredKey_ + " is not known here; add it with: fairlead keys:add FILE.pub";
  ssh_message_auth_interactive_request(message, "", sentence.c_str(), 0, nullptr, nullptr);
  return 0;
}

ssh_channel Connection::onOpenSession(ssh_session session, void* self) {
  Connection& connection = connectionOf(self);
  return base::shielded(connection.parked_, static_cast<ssh_channel>(nullptr),
                        [&] { return connection.openSession(session); });
}

ssh_channel Connection::openSession(ssh_session session) {
  if (!identity_ || channels_.size() >= kMaxChannels || endRequested_) return nullptr;
  ssh_channel raw = ssh_channel_new(session);
  if (raw == nullptr) return nullptr;
  channels_.push_back(std::make_unique<SessionChannel>(raw, wake_, [this](ChannelIo& io, int protocol) {
    return ServiceContext{shared_.config, shared_.handler, io, *identity_, peer_, protocol};
  }));
  return raw;
}

void Connection::pumpChannels(Clock::time_point now) {
  for (auto& channel : channels_) {
    channel->pump(now);
    violated_ = violated_ || channel->violated();
  }
  std::erase_if(channels_, [](const auto& channel) { return channel->over(); });
}

int Connection::pollTimeout(Clock::time_point now) const {
  auto wait = kMaxWait;
  const auto until = [&](Clock::time_point then) {
    wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(then - now));
  };
  for (const auto& channel : channels_) {
    if (const auto due = channel->due()) until(*due);
  }
  if (identity_) {
    until(lastHeard_ + shared_.config.idleTimeout);
    if (!channels_.empty()) until(std::max(lastHeard_, lastKeepalive_) + keepaliveInterval());
  } else {
    until(started_ + std::min<std::chrono::seconds>(shared_.config.loginGrace, kCrowdedGrace));
    // Past the short grace: whether it is crowded now is found out by looking.
    if (now > started_ + kCrowdedGrace) wait = std::chrono::seconds(1);
  }
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

bool Connection::shouldEnd(Clock::time_point now) {
  if (abortRequested_ || violated_ || refused_) return true;
  const bool busy =
      std::any_of(channels_.begin(), channels_.end(), [](const auto& channel) { return channel->busy(); });
  if (endRequested_ && !busy && channels_.empty()) return true;
  if (!identity_) {
    const auto grace = shared_.crowded
                           ? std::min<std::chrono::seconds>(shared_.config.loginGrace, kCrowdedGrace)
                           : shared_.config.loginGrace;
    return endRequested_ || now >= started_ + grace;
  }
  idle_ = now >= lastHeard_ + shared_.config.idleTimeout;
  return idle_;
}

void Connection::noteTraffic(Clock::time_point now) {
  if (traffic_.in_bytes == bytesHeard_) return;
  bytesHeard_ = traffic_.in_bytes;
  lastHeard_ = now;
}

std::chrono::milliseconds Connection::keepaliveInterval() const {
  return std::min<std::chrono::milliseconds>(kKeepaliveInterval,
                                             std::chrono::milliseconds(shared_.config.idleTimeout) / 4);
}

/// A client that thinks for minutes (a large push is being counted) is told from one that is gone by its
/// answer.
void Connection::keepAlive(Clock::time_point now) {
  if (!identity_ || channels_.empty() || now < std::max(lastHeard_, lastKeepalive_) + keepaliveInterval())
    return;
  lastKeepalive_ = now;
  ssh_send_keepalive(session_.get());
}

}  // namespace gitd::detail
