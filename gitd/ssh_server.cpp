#include "gitd/ssh_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "gitd/detail/connection.h"
#include "gitd/detail/listener.h"
#include "gitd/detail/ssh_key.h"
#include "gitd/detail/thread.h"

namespace gitd {
namespace {

using detail::Connection;

constexpr char kKeyExchange[] =
    // The first two are taken by libssh 0.11 and 0.12; what it does not know it leaves out.
    "mlkem768x25519-sha256,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,"
    "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group18-sha512,diffie-hellman-"
    "group16-sha512";
constexpr char kCiphers[] =
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr";
constexpr char kMacs[] =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

// OpenSSH tells only its own kind that the reader of a channel has died (eow@openssh.com), and that is all
// there is to know when somebody kills git and not its ssh: the word in front asks for it.
constexpr char kSoftware[] = "OpenSSH_compatible_Fairlead_" FAIRLEAD_VERSION;

void setOption(ssh_bind bind, ssh_bind_options_e option, const void* value) {
  if (ssh_bind_options_set(bind, option, value) != SSH_OK) {
    throw base::Error(base::Errc::internal, std::string("libssh refuses an option: ") + ssh_get_error(bind));
  }
}

detail::SshBind makeBind(const std::filesystem::path& hostKeyFile) {
  detail::SshBind bind(ssh_bind_new());
  if (!bind) throw base::Error(base::Errc::internal, "cannot start libssh");
  // Else it would read /etc/ssh/libssh_server_config.
  const bool noConfig = false;
  setOption(bind.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &noConfig);
  setOption(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, detail::loadHostKey(hostKeyFile).release());
  setOption(bind.get(), SSH_BIND_OPTIONS_KEY_EXCHANGE, kKeyExchange);
  setOption(bind.get(), SSH_BIND_OPTIONS_CIPHERS_C_S, kCiphers);
  setOption(bind.get(), SSH_BIND_OPTIONS_CIPHERS_S_C, kCiphers);
  setOption(bind.get(), SSH_BIND_OPTIONS_HMAC_C_S, kMacs);
  setOption(bind.get(), SSH_BIND_OPTIONS_HMAC_S_C, kMacs);
  setOption(bind.get(), SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, "ssh-ed25519");
  setOption(bind.get(), SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, detail::kAcceptedSignatures);
  const int minRsaBits = 2048;
  setOption(bind.get(), SSH_BIND_OPTIONS_RSA_MIN_SIZE, &minRsaBits);
  setOption(bind.get(), SSH_BIND_OPTIONS_BANNER, kSoftware);
  return bind;
}

}  // namespace

struct SshServer::State {
  /// A connection and its thread; reaped by the acceptor when done.
  struct Entry {
    std::unique_ptr<Connection> connection;
    std::atomic<bool> done{false};
    std::jthread thread;
  };

  State(SshServerConfig settings, base::TcpListener tcp, PushHandler& pushHandler)
      : config(std::move(settings)),
        hostKeyFingerprint(detail::fingerprintOf(detail::loadHostKey(config.hostKeyFile).get())),
        bind(makeBind(config.hostKeyFile)),
        listener(std::move(tcp)),
        changed(base::makeEventFd()),
        shared{config, pushHandler, changed} {}

  void acceptLoop(const std::stop_token& stop);
  bool mayAccept();
  void acceptOne();
  void serve(base::Fd socket, std::string peer);
  void serveEntry(Entry& entry);
  void reap();
  void endAll(std::chrono::milliseconds grace);

  const SshServerConfig config;
  const std::string hostKeyFingerprint;
  detail::SshBind bind;
  detail::Listener listener;
  base::Fd changed;
  detail::ConnectionShared shared;
  std::mutex mutex;  // guards entries' shape and ended
  std::condition_variable ended;
  std::list<Entry> entries;
  std::jthread acceptor;
};

void SshServer::State::acceptLoop(const std::stop_token& stop) {
  detail::beginThread("gitd-accept");
  const std::stop_callback wake(stop, [this] { base::signalEvent(changed); });
  while (!stop.stop_requested()) {
    reap();
    const bool open = mayAccept();
    // What is not accepted waits in the kernel's queue: nobody is turned away.
    pollfd fds[2] = {{changed.get(), POLLIN, 0}, {open ? listener.fd().get() : -1, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if ((fds[0].revents & POLLIN) != 0) base::drainEvent(changed);
    if ((fds[1].revents & POLLIN) != 0) acceptOne();
  }
}

bool SshServer::State::mayAccept() {
  const bool doorFull = shared.unauthenticated >= config.maxUnauthenticated;
  shared.crowded = doorFull;
  const std::lock_guard lock(mutex);
  return !doorFull && entries.size() < config.maxConnections;
}

void SshServer::State::acceptOne() {
  std::string peer;
  base::Fd socket = listener.accept(peer);
  if (!socket.valid()) return;
  serve(std::move(socket), std::move(peer));
}

void SshServer::State::serve(base::Fd socket, std::string peer) {
  detail::SshSession session(ssh_new());
  if (!session) return;
  ssh_options_set(session.get(), SSH_OPTIONS_COMPRESSION, "no");
  const int raw = socket.release();  // libssh closes it with the session
  if (ssh_bind_accept_fd(bind.get(), session.get(), raw) != SSH_OK) {
    base::Log("gitd").warn("connection not taken", {{"peer", peer}, {"error", ssh_get_error(bind.get())}});
    if (ssh_get_fd(session.get()) != raw) ::close(raw);
    return;
  }
  const std::lock_guard lock(mutex);
  Entry& entry = entries.emplace_back();
  try {
    entry.connection = std::make_unique<Connection>(shared, std::move(session), std::move(peer));
    entry.thread = std::jthread([this, &entry] { serveEntry(entry); });
  } catch (const std::exception& failure) {
    // Out of threads or descriptors: this one is turned away, those under way go on.
    base::Log("gitd").error("connection not taken", {{"error", failure.what()}});
    entries.pop_back();
  }
}

/// The top of a session's thread.
void SshServer::State::serveEntry(Entry& entry) {
  detail::beginThread("gitd-session");
  try {
    entry.connection->run();
  } catch (const std::exception& failure) {
    base::Log("gitd").error("connection failed", {{"error", failure.what()}});
  }
  entry.done = true;
  base::signalEvent(changed);
  const std::lock_guard lock(mutex);
  ended.notify_all();
}

void SshServer::State::reap() {
  std::list<Entry> finished;
  {
    const std::lock_guard lock(mutex);
    for (auto at = entries.begin(); at != entries.end();) {
      const auto next = std::next(at);
      if (at->done) finished.splice(finished.end(), entries, at);
      at = next;
    }
  }
  // Joined and destroyed here, without the lock.
}

void SshServer::State::endAll(std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex);
  for (Entry& entry : entries)
    entry.connection->requestEnd();
  const auto allDone = [this] {
    return std::all_of(entries.begin(), entries.end(), [](const Entry& entry) { return entry.done.load(); });
  };
  if (!ended.wait_for(lock, grace, allDone)) {
    for (Entry& entry : entries)
      entry.connection->requestAbort();
  }
  lock.unlock();
  entries.clear();
}

SshServer::SshServer(SshServerConfig config, base::TcpListener listener, PushHandler& handler)
    : state_(std::make_unique<State>(std::move(config), std::move(listener), handler)) {
  state_->acceptor =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->acceptLoop(stop); });
}

SshServer::~SshServer() {
  stop(std::chrono::milliseconds(0));
}

std::string SshServer::address() const {
  return state_->listener.address();
}

std::string SshServer::hostKeyFingerprint() const {
  return state_->hostKeyFingerprint;
}

void SshServer::stop(std::chrono::milliseconds grace) {
  if (state_->acceptor.joinable()) {
    state_->acceptor.request_stop();
    state_->acceptor.join();
    state_->listener.close();
  }
  state_->endAll(grace);
}

}  // namespace gitd
