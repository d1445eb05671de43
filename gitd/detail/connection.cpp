#include "gitd/detail/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/c_callback.h"
#include "base/log.h"
#include "base/strings.h"
#include "gitd/detail/ssh_key.h"

namespace gitd::detail {
namespace {

// Channels over the limit are opened to say so, up to this many times the limit.
constexpr std::size_t kExplainedChannels = 2;
// Agents offer every key that they hold before the right one; more than this is somebody looking for a key.
constexpr int kMaxOffers = 30;
// Of passwords and the like, which are never taken.
constexpr int kMaxGuesses = 6;
// So many packets of ours that the client does not read: requests that need no reader cost it nothing.
constexpr std::uint64_t kMaxUnreadPackets = 20'000;
// While others wait at the door a stranger gets this long, which is many times what a login takes,
constexpr std::chrono::seconds kCrowdedGrace{5};
// and this long for a word.
constexpr std::chrono::milliseconds kCrowdedSilence{1500};
constexpr std::chrono::milliseconds kLookAtDoor{500};
constexpr std::chrono::milliseconds kLinger{300};
constexpr int kFlushMs = 10;
constexpr int kMaxLooks = 100;
// A login's packet that libssh has not answered by then it never will.
constexpr std::chrono::milliseconds kAnswerTime{1000};
constexpr std::chrono::milliseconds kMaxWait{60'000};
// For commands at the server's end; pushes and fetches have the server's grace.
constexpr std::chrono::seconds kCommandGrace{5};

Connection& connectionOf(void* self) {
  return *static_cast<Connection*>(self);
}

/// Without it each packet of the handshake waits for a delayed acknowledgement: 50 ms a login. The kernel
/// forgets the option at every read.
void acknowledgeQuickly(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/// Closing with bytes unread resets the connection, and the client would never see the last sentence.
void linger(const base::Fd& socket) {
  ::shutdown(socket.get(), SHUT_WR);
  const auto deadline = std::chrono::steady_clock::now() + kLinger;
  std::array<char, 4096> unread{};
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd waiting{socket.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return;
    if (::recv(socket.get(), unread.data(), unread.size(), MSG_DONTWAIT) <= 0) return;
  }
}

std::string seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

Connection::Connection(ConnectionShared& shared, SshSession session, Admission admission)
    : shared_(shared),
      wake_(base::makeEventFd()),
      session_(std::move(session)),
      admission_(std::move(admission)) {}

Connection::~Connection() {
  close();
}

void Connection::close() {
  hangUp(ChannelIo::Gone::closed);
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
    base::Log("gitd").debug("no ssh", {{"peer", admission_.peer()},
                                       {"error", base::printable(ssh_get_error(session_.get()), 200)}});
  }
  // Silence is not a decision: only a client that hung up cancels its push.
  const bool silent =
      silent_ || std::strstr(ssh_get_error(session_.get()), std::strerror(ETIMEDOUT)) != nullptr;
  hangUp(silent && !abortRequested_ ? ChannelIo::Gone::lost : ChannelIo::Gone::closed);
}

/// On the connection's own thread, where SIGPIPE is blocked; the destructor finds it done. Waits for the
/// workers.
void Connection::hangUp(ChannelIo::Gone how) {
  if (std::exchange(hungUp_, true)) return;
  for (auto& channel : channels_)
    channel->abandon(how);
  if (how == ChannelIo::Gone::lost) outlastClient();
  channels_.clear();
  if (farewell_ && event_) quieten();
  if (event_) {
    ssh_event_remove_fd(event_.get(), wake_.get());
    ssh_event_remove_session(event_.get(), session_.get());
  }
  const base::Fd socket(farewell_ ? ::dup(ssh_get_fd(session_.get())) : -1);
  ssh_disconnect(session_.get());
  if (socket.valid()) linger(socket);
}

/// Nobody decided anything: what is under way goes on to its end, or to the server's.
void Connection::outlastClient() {
  const auto busyWorker = [](const auto& channel) { return channel->busy(); };
  if (std::none_of(channels_.begin(), channels_.end(), busyWorker)) return;
  // Should the network come back, the client must not believe that it is still connected.
  ::shutdown(ssh_get_fd(session_.get()), SHUT_RDWR);
  while (!abortRequested_ && std::any_of(channels_.begin(), channels_.end(), busyWorker)) {
    pollfd waiting{wake_.get(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(kMaxWait.count()));
    base::drainEvent(wake_);
  }
}

/// What was just said must be out of the way, and libssh must know that the socket takes more: else it drops
/// the sentence with its buffer. Both are so once a look at the socket finds nothing to do; what the client
/// says meanwhile is answered no more.
void Connection::quieten() {
  callbacks_.auth_pubkey_function = nullptr;
  int found = ssh_event_dopoll(event_.get(), kFlushMs);
  for (int looks = 0; found == SSH_OK && looks < kMaxLooks; ++looks)
    found = ssh_event_dopoll(event_.get(), 0);
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
  ssh_set_counters(session, &traffic_, &packets_);
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
    noteUnanswered(now);
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
  connectionOf(self).woken_ = true;
  return 0;
}

int Connection::onPublicKey(ssh_session, const char*, ssh_key key, char state, void* self) {
  Connection& connection = connectionOf(self);
  return base::shielded(connection.parked_, static_cast<int>(SSH_AUTH_DENIED),
                        [&] { return connection.judgeKey(key, state); });
}

int Connection::judgeKey(ssh_key key, int state) {
  if (++offers_ > kMaxOffers) {
    refused_ = end("too many keys were offered (" + std::to_string(kMaxOffers) +
                   "): name the right one with ssh -i FILE -o IdentitiesOnly=yes");
    return SSH_AUTH_DENIED;
  }
  // NONE is only "would you take this key?"; nobody has proved anything before VALID.
  if (state != SSH_PUBLICKEY_STATE_NONE && state != SSH_PUBLICKEY_STATE_VALID) return SSH_AUTH_DENIED;
  if (!isAcceptedKeyType(key)) return SSH_AUTH_DENIED;
  const std::string fingerprint = fingerprintOf(key);
  std::optional<Identity> identity;
  try {
    identity = shared_.handler.findIdentity(fingerprint);
  } catch (const std::exception& failure) {
    base::Log("gitd").error("keys cannot be looked up", {{"error", failure.what()}});
    refused_ = end(std::string(kNoLookup));
    return SSH_AUTH_DENIED;
  }
  if (!identity) {
    offeredKey_ = fingerprint;
    shared_.metrics.unknownKeys.add();
    return SSH_AUTH_DENIED;
  }
  knownKey_ = true;
  if (state == SSH_PUBLICKEY_STATE_VALID) authenticated(std::move(*identity));
  return SSH_AUTH_SUCCESS;
}

void Connection::authenticated(Identity identity) {
  if (identity_) return;
  base::Log("gitd").debug(
      "logged in", {{"peer", admission_.peer()}, {"user", identity.user}, {"key", identity.fingerprint}});
  identity_ = std::move(identity);
  admission_.loggedIn();
  base::signalEvent(shared_.changed);
}

int Connection::onMessage(ssh_session, ssh_message message, void* self) {
  Connection& connection = connectionOf(self);
  const int type = ssh_message_type(message);
  const int subtype = ssh_message_subtype(message);
  connection.serviceAsked_ = connection.serviceAsked_ || type == SSH_REQUEST_SERVICE;
  constexpr int kNoAnswer = 0;
  constexpr int kDefaultAnswer = 1;  // libssh's, which is a refusal
  if (connection.hungUp_) return kNoAnswer;
  return base::shielded(connection.parked_, kDefaultAnswer, [&] {
    if (type == SSH_REQUEST_AUTH && ++connection.guesses_ > kMaxGuesses) {
      connection.refused_ = connection.end("passwords are not taken: log in with an SSH key");
    } else if (type == SSH_REQUEST_AUTH && subtype == SSH_AUTH_METHOD_INTERACTIVE) {
      return connection.explainRefusal(message);
    }
    if (type == SSH_REQUEST_CHANNEL && subtype == SSH_CHANNEL_REQUEST_UNKNOWN) {
      connection.noteUnknownRequest(message);
    }
    return kDefaultAnswer;
  });
}

bool Connection::clientIs(const char* software) const {
  const char* banner = ssh_get_clientbanner(session_.get());
  return banner != nullptr && std::strstr(banner, software) != nullptr;
}

/// When git alone is killed, its ssh lives on and says nothing but "eow@openssh.com": that nobody reads what
/// we send. libssh keeps the request's name to itself, but it is the only one unknown to it that OpenSSH
/// sends on a channel.
void Connection::noteUnknownRequest(ssh_message message) {
  if (!clientIs("OpenSSH")) return;
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
  const std::size_t limit = shared_.config.maxChannels;
  if (!identity_ || hungUp_ || channels_.size() >= limit * kExplainedChannels || endRequested_)
    return nullptr;
  std::string refusal;
  if (channels_.size() >= limit) {
    refusal = "this connection has " + std::to_string(limit) +
              " sessions already: end one, use a connection of its own, or raise ssh_max_channels";
  }
  ssh_channel raw = ssh_channel_new(session);
  if (raw == nullptr) return nullptr;
  const auto makeContext = [this](ChannelIo& io, const SshCommand& command, int protocol) {
    shared_.metrics.sessions.countSession(command);
    return ServiceContext{shared_.config, shared_.handler, io, *identity_, admission_.peer(), protocol};
  };
  channels_.push_back(std::make_unique<SessionChannel>(raw, wake_, makeContext, std::move(refusal)));
  return raw;
}

void Connection::pumpChannels(Clock::time_point now) {
  woken_ = false;
  const auto heard = packets_.in_packets;
  for (auto& channel : channels_) {
    channel->pump(now);
    violated_ = violated_ || channel->violated();
  }
  // Writing looks at the socket too: a channel that had its turn may have been meant.
  woken_ = woken_ || packets_.in_packets != heard;
  const auto ended = std::erase_if(channels_, [](const auto& channel) { return channel->over(); });
  // Dropbear's client looks whether it is done only when a packet comes. Whoever has closed a session just
  // before it would look waits for the next one for hours (2022.83; with sshd as well).
  if (ended > 0 && channels_.empty() && clientIs("dropbear")) ssh_send_ignore(session_.get(), "");
}

int Connection::pollTimeout(Clock::time_point now) const {
  if (woken_) return 0;
  auto wait = kMaxWait;
  const auto until = [&](Clock::time_point then) {
    wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(then - now));
  };
  for (const auto& channel : channels_) {
    if (const auto due = channel->due()) until(*due);
  }
  if (identity_) {
    until(lastHeard_ + allowedSilence());
    if (!channels_.empty()) until(std::max(lastHeard_, lastKeepalive_) + keepaliveInterval());
  } else {
    until(admission_.since() + shared_.config.loginGrace);
    // Whether it is crowded now is found out by looking.
    wait = std::min(wait, kLookAtDoor);
  }
  if (endingSince_) until(*endingSince_ + kCommandGrace);
  if (abortingSince_) until(*abortingSince_ + kFarewell);
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

/// What the client is told with the disconnect. True, for its callers' brevity.
bool Connection::end(const std::string& why) {
  farewell_ = true;
  ssh_session_set_disconnect_message(session_.get(), ("fairlead: " + why).c_str());
  return true;
}

bool Connection::busy() const {
  return std::any_of(channels_.begin(), channels_.end(), [](const auto& channel) { return channel->busy(); });
}

/// libssh keeps what the client does not read, however much.
bool Connection::readsNothing() {
  if ((ssh_get_status(session_.get()) & SSH_WRITE_PENDING) == 0) packetsRead_ = packets_.out_packets;
  return packets_.out_packets > packetsRead_ + kMaxUnreadPackets;
}

bool Connection::shouldEnd(Clock::time_point now) {
  if (refused_) return true;
  if (readsNothing()) return end("the client asks much and reads no answer");
  if (violated_) return end("the client sends more than its window allows");
  if (abortRequested_ || endRequested_) return wound(now);
  return identity_ ? silentTooLong(now) : loginTooSlow(now);
}

/// The server ends: whether this connection has by now.
bool Connection::wound(Clock::time_point now) {
  if (!endingSince_) endingSince_ = now;
  if (!busy() && channels_.empty()) return end("the server is shutting down: try again in a moment");
  const bool commandsOver = now >= *endingSince_ + kCommandGrace;
  if (!abortRequested_ && !commandsOver) return silentTooLong(now);
  for (auto& channel : channels_) {
    if (abortRequested_ || !channel->servesGit()) channel->sayLast(kShutDown);
  }
  if (!abortRequested_) return silentTooLong(now);
  if (!abortingSince_) abortingSince_ = now;
  const bool said = std::all_of(channels_.begin(), channels_.end(),
                                [](const auto& channel) { return channel->saidLast(); });
  if (!said && now < *abortingSince_ + kFarewell) return false;
  return end(std::string(kShutDown));
}

/// libssh drops logins whose signature is wrong, or whose key it cannot read, and answers nothing.
void Connection::noteUnanswered(Clock::time_point now) {
  const bool heard = packets_.in_packets != std::exchange(packetsHeard_, packets_.in_packets);
  const bool said = packets_.out_packets != std::exchange(packetsSaid_, packets_.out_packets);
  if (said || identity_) unansweredSince_.reset();
  if (heard && !said && serviceAsked_ && !identity_ && !unansweredSince_) unansweredSince_ = now;
}

bool Connection::loginTooSlow(Clock::time_point now) {
  if (unansweredSince_ && now >= *unansweredSince_ + kAnswerTime) {
    return end(
        "the signature is wrong, or keys of this kind are not taken: use an ed25519 key, or an RSA key of "
        "2048 bits or more that signs with SHA-2");
  }
  const auto grace = shared_.config.loginGrace;
  if (now >= admission_.since() + grace) {
    return end("no login within " + seconds(grace) + " (setting ssh_login_grace_s)");
  }
  // Somebody who types a passphrase is not hurried.
  if (knownKey_ || !shared_.door.crowded()) return false;
  if (now < lastHeard_ + kCrowdedSilence && now < admission_.since() + kCrowdedGrace) return false;
  return end(
      "many clients wait to log in, and this one is too slow: try again later (setting "
      "ssh_max_unauthenticated)");
}

/// A client answers keepalives while it waits for us. One that thinks for minutes before it sends (a large
/// push is being counted) may not: some clients look at the connection only when they need it.
std::chrono::milliseconds Connection::allowedSilence() const {
  const std::chrono::milliseconds idle = shared_.config.idleTimeout;
  const bool waitsForUs = std::any_of(channels_.begin(), channels_.end(), [](const auto& channel) {
    return channel->busy() && !channel->awaitsInput();
  });
  return waitsForUs ? std::min(idle, kKeepalivesUntilLost * keepaliveInterval()) : idle;
}

bool Connection::silentTooLong(Clock::time_point now) {
  if (now < lastHeard_ + allowedSilence()) return false;
  silent_ = true;
  return end("nothing was heard for " + seconds(allowedSilence()) +
             " (settings ssh_idle_timeout_s, ssh_keepalive_s)");
}

void Connection::noteTraffic(Clock::time_point now) {
  shared_.metrics.bytesOut.add(traffic_.out_bytes - std::exchange(bytesSaid_, traffic_.out_bytes));
  if (traffic_.in_bytes == bytesHeard_) return;
  shared_.metrics.bytesIn.add(traffic_.in_bytes - bytesHeard_);
  bytesHeard_ = traffic_.in_bytes;
  lastHeard_ = now;
}

std::chrono::milliseconds Connection::keepaliveInterval() const {
  return std::min<std::chrono::milliseconds>(
      shared_.config.keepalive, std::chrono::milliseconds(shared_.config.idleTimeout) / kKeepalivesUntilLost);
}

void Connection::keepAlive(Clock::time_point now) {
  if (!identity_ || channels_.empty() || now < std::max(lastHeard_, lastKeepalive_) + keepaliveInterval())
    return;
  lastKeepalive_ = now;
  // The first call may only collect the answer to the one before; without an answer neither sends another.
  ssh_send_keepalive(session_.get());
  ssh_send_keepalive(session_.get());
}

}  // namespace gitd::detail
