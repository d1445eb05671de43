// One SSH connection from the first byte to the last. (RFC 4252, 4253.)
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "gitd/detail/admission.h"
#include "gitd/detail/session_channel.h"
#include "gitd/detail/ssh.h"
#include "gitd/push_handler.h"
#include "gitd/ssh_server.h"

namespace gitd::detail {

/// A client that leaves this many keepalives in a row without an answer is lost.
inline constexpr int kKeepalivesUntilLost = 4;

/// What the connections of a server share. Thread-safe.
struct ConnectionShared {
  const SshServerConfig& config;
  PushHandler& handler;
  const base::Fd& changed;  ///< signalled when a connection logs in or ends
  const Door& door;
  SshMetrics& metrics;
};

/// Serves a connection with an event loop on one thread. run() on that thread; the rest is thread-safe.
class Connection {
 public:
  /// `session` is connected; its socket is non-blocking with TCP_NODELAY.
  Connection(ConnectionShared& shared, SshSession session, Admission admission);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void run();
  /// After run() has thrown, on the same thread: waits for what is under way to notice.
  void close();
  /// Ends it as soon as no push or fetch is under way; commands have a few seconds.
  void requestEnd();
  /// Tells the client why and ends it: workers are told that the client is gone.
  void requestAbort();

 private:
  using Clock = ChannelIo::Clock;
  static int onPublicKey(ssh_session, const char* user, ssh_key key, char state, void* self);
  static ssh_channel onOpenSession(ssh_session session, void* self);
  static int onMessage(ssh_session session, ssh_message message, void* self);
  static int onWake(socket_t fd, int revents, void* self);

  bool handshake();
  void loop();
  int judgeKey(ssh_key key, int state);
  int explainRefusal(ssh_message message);
  void noteUnknownRequest(ssh_message message);
  bool clientIs(const char* software) const;
  void authenticated(Identity identity);
  ssh_channel openSession(ssh_session session);
  void pumpChannels(Clock::time_point now);
  int pollTimeout(Clock::time_point now) const;
  bool shouldEnd(Clock::time_point now);
  bool loginTooSlow(Clock::time_point now);
  bool silentTooLong(Clock::time_point now);
  bool wound(Clock::time_point now);
  bool busy() const;
  bool end(const std::string& why);
  std::chrono::milliseconds allowedSilence() const;
  bool socketLost() const;
  bool readsNothing();
  void noteTraffic(Clock::time_point now);
  void noteUnanswered(Clock::time_point now);
  void keepAlive(Clock::time_point now);
  std::chrono::milliseconds keepaliveInterval() const;
  void hangUp(ChannelIo::Gone how);
  void quieten();
  void outlastClient();

  ConnectionShared& shared_;
  base::Fd wake_;
  SshSession session_;
  Admission admission_;
  ssh_server_callbacks_struct callbacks_{};
  ssh_counter_struct traffic_{};
  ssh_counter_struct packets_{};
  SshEvent event_;
  std::list<std::unique_ptr<SessionChannel>> channels_;
  std::optional<Identity> identity_;
  std::exception_ptr parked_;  // thrown in a callback of libssh
  std::string offeredKey_;     // of the last refused offer, for the explanation
  int offers_ = 0;
  int guesses_ = 0;
  bool refused_ = false;       // nothing it may still try would let it in
  bool knownKey_ = false;      // it has offered a key that may log in, and may be asking for its passphrase
  bool serviceAsked_ = false;  // from here on every packet of a login asks for an answer
  bool farewell_ = false;      // a sentence goes with the disconnect
  bool hungUp_ = false;
  bool violated_ = false;
  bool woken_ = false;  // something came that a channel may not have seen in its turn
  bool silent_ = false;
  Clock::time_point lastHeard_ = admission_.since();
  Clock::time_point lastKeepalive_ = lastHeard_;
  std::optional<Clock::time_point> endingSince_;
  std::optional<Clock::time_point> abortingSince_;
  std::uint64_t bytesHeard_ = 0;
  std::uint64_t bytesSaid_ = 0;
  std::uint64_t packetsHeard_ = 0;
  std::uint64_t packetsSaid_ = 0;
  std::uint64_t packetsRead_ = 0;  // of ours, when nothing waited to be sent
  std::optional<Clock::time_point> unansweredSince_;
  std::atomic<bool> endRequested_{false};
  std::atomic<bool> abortRequested_{false};
};

}  // namespace gitd::detail
