// One session channel of a connection: its requests, its bytes, its worker. (RFC 4254, 6.)
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "gitd/detail/channel_io.h"
#include "gitd/detail/serve_command.h"
#include "gitd/detail/ssh.h"
#include "gitd/detail/ssh_command.h"

namespace gitd::detail {

/// Lives on its connection's thread; only the worker that it starts is elsewhere and meets it in a ChannelIo.
/// libssh keeps its address.
class SessionChannel {
 public:
  /// Makes a ServiceContext for a worker; called on the connection's thread.
  using MakeContext = std::function<ServiceContext(ChannelIo& io, const SshCommand& command, int protocol)>;

  /// Takes over `channel`. `wake` outlives this. With a `refusal` it serves nothing but that sentence.
  SessionChannel(ssh_channel channel, const base::Fd& wake, MakeContext makeContext, std::string refusal);
  /// The client is gone by then or was served: waits for the worker.
  ~SessionChannel();
  SessionChannel(const SessionChannel&) = delete;
  SessionChannel& operator=(const SessionChannel&) = delete;

  /// Moves bytes both ways as far as goes without waiting; to be called after every round of the event loop.
  void pump(ChannelIo::Clock::time_point now);
  /// When pump() should run although nothing happened.
  std::optional<ChannelIo::Clock::time_point> due() const;
  bool is(ssh_channel channel) const { return channel == channel_; }
  /// Tells the worker that nobody listens any more.
  void abandon(ChannelIo::Gone how);
  /// Both sides have closed and the worker has ended: may be destroyed without waiting.
  bool over() const;
  /// A worker is under way.
  bool busy() const { return started_ && !io_.workerDone(); }
  /// Its worker waits for the client to send something.
  bool awaitsInput() const { return io_.awaitsInput(); }
  /// A push or fetch, as opposed to a command.
  bool servesGit() const { return servesGit_; }
  /// Sends a sentence, whatever is queued or not, and then tells the worker that the client is gone. Once.
  void sayLast(std::string_view sentence);
  /// Whether that has gone out.
  bool saidLast() const;
  /// The client sends more than its window allows: to be hung up on.
  bool violated() const { return violated_; }

 private:
  static int onPty(ssh_session, ssh_channel, const char*, int, int, int, int, void* self);
  static int onShell(ssh_session, ssh_channel, void* self);
  static int onExec(ssh_session, ssh_channel, const char* command, void* self);
  static int onEnv(ssh_session, ssh_channel, const char* name, const char* value, void* self);
  static int onSubsystem(ssh_session, ssh_channel, const char*, void* self);
  static int onWindowChange(ssh_session, ssh_channel, int, int, int, int, void*);
  static int onData(ssh_session, ssh_channel, void* data, std::uint32_t length, int isStderr, void* self);
  static void onEof(ssh_session, ssh_channel, void* self);
  static void onClose(ssh_session, ssh_channel, void* self);

  int startOrRefuse(const char* commandLine);
  bool takeInput(std::string_view bytes);
  void drainInput();
  bool canWrite() const;
  void pushOutput(ChannelIo::Clock::time_point now);
  void closeWhenServed();

  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  MakeContext makeContext_;
  ChannelIo io_;
  std::exception_ptr parked_;  // thrown in a callback of libssh
  std::string gitProtocol_;
  std::string refusal_;
  ExecRequest request_;
  bool started_ = false;
  bool servesGit_ = false;
  bool violated_ = false;
  bool lastSaid_ = false;
  bool inputHeld_ = false;   // libssh has bytes that were not taken
  bool eofPending_ = false;  // the end of input stands behind those
  bool remoteClosed_ = false;
  bool localClosed_ = false;
  ChannelIo::Output unsent_;
  std::optional<ServiceContext> context_;
  std::jthread worker_;  // last: joined before what it uses goes
};

}  // namespace gitd::detail
