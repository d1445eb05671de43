#include "gitd/ssh_server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "gitd/detail/acceptor.h"
#include "gitd/detail/connection.h"
#include "gitd/detail/session_threads.h"
#include "gitd/detail/ssh_key.h"
#include "gitd/detail/ssh_refusal.h"
#include "gitd/detail/thread.h"

namespace gitd {
namespace {

using detail::Connection;

// Of the descriptors that the process may have, this part at most is held by those who wait.
constexpr rlim_t kWaitingShare = 4;

constexpr char kKeyExchange[] =
    // The first two are taken by libssh 0.11 and 0.12; what it does not know it leaves out.
    "mlkem768x25519-sha256,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,"
    "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group18-sha512,diffie-hellman-"
    "group16-sha512";
constexpr char kCiphers[] =
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr";
constexpr char kMacs[] =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

void setOption(ssh_bind bind, ssh_bind_options_e option, const void* value) {
  if (ssh_bind_options_set(bind, option, value) != SSH_OK) {
    throw base::Error(base::Errc::internal, std::string("libssh refuses an option: ") + ssh_get_error(bind));
  }
}

detail::SshBind makeBind(std::vector<detail::SshKey> hostKeys) {
  detail::SshBind bind(ssh_bind_new());
  if (!bind) throw base::Error(base::Errc::internal, "cannot start libssh");
  // Else it would read /etc/ssh/libssh_server_config.
  const bool noConfig = false;
  setOption(bind.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &noConfig);
  const bool withRsa = hostKeys.size() > 1;
  for (detail::SshKey& key : hostKeys)
    setOption(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, key.release());
  setOption(bind.get(), SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS,
            withRsa ? "ssh-ed25519,rsa-sha2-512,rsa-sha2-256" : "ssh-ed25519");
  setOption(bind.get(), SSH_BIND_OPTIONS_KEY_EXCHANGE, kKeyExchange);
  setOption(bind.get(), SSH_BIND_OPTIONS_CIPHERS_C_S, kCiphers);
  setOption(bind.get(), SSH_BIND_OPTIONS_CIPHERS_S_C, kCiphers);
  setOption(bind.get(), SSH_BIND_OPTIONS_HMAC_C_S, kMacs);
  setOption(bind.get(), SSH_BIND_OPTIONS_HMAC_S_C, kMacs);
  setOption(bind.get(), SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, detail::kAcceptedSignatures);
  const int minRsaBits = 2048;
  setOption(bind.get(), SSH_BIND_OPTIONS_RSA_MIN_SIZE, &minRsaBits);
  setOption(bind.get(), SSH_BIND_OPTIONS_BANNER, detail::kSoftware);
  return bind;
}

std::vector<detail::SshKey> loadHostKeys(const SshServerConfig& config) {
  std::vector<detail::SshKey> keys;
  keys.push_back(detail::loadHostKey(config.hostKeyFile, detail::HostKeyKind::ed25519));
  if (!config.rsaHostKeyFile.empty())
    keys.push_back(detail::loadHostKey(config.rsaHostKeyFile, detail::HostKeyKind::rsa));
  return keys;
}

std::vector<std::string> fingerprintsOf(const std::vector<detail::SshKey>& keys) {
  std::vector<std::string> fingerprints;
  for (const detail::SshKey& key : keys)
    fingerprints.push_back(detail::fingerprintOf(key.get()));
  return fingerprints;
}

detail::DoorLimits doorLimits(const SshServerConfig& config) {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  const auto share =
      static_cast<unsigned>(std::min<rlim_t>(descriptors.rlim_cur / kWaitingShare, config.maxWaiting));
  return {.maxConnections = config.maxConnections,
          .maxUnauthenticated = config.maxUnauthenticated,
          .maxUnauthenticatedPerSource = config.maxUnauthenticatedPerSource,
          .maxPerSource = config.maxPerSource,
          .maxWaiting = share,
          .maxWait = config.maxWait};
}

}  // namespace

struct SshServer::State {
  State(SshServerConfig settings, base::TcpListener tcp, PushHandler& pushHandler, base::Metrics& all)
      : config(std::move(settings)),
        hostKeyFingerprints(fingerprintsOf(loadHostKeys(config))),
        bind(makeBind(loadHostKeys(config))),
        listener(std::move(tcp), detail::kKeepalivesUntilLost * config.keepalive),
        changed(base::makeEventFd()),
        metrics(all),
        door(doorLimits(config)),
        shared{config, pushHandler, changed, door, metrics},
        acceptor(listener, door, changed, metrics) {}

  void serve(detail::Door::Visitor visitor);
  void start(detail::SshSession session, detail::Admission admission);

  const SshServerConfig config;
  const std::vector<std::string> hostKeyFingerprints;
  detail::SshBind bind;
  detail::Listener listener;
  base::Fd changed;
  detail::SshMetrics metrics;
  detail::Door door;
  detail::ConnectionShared shared;
  detail::Acceptor acceptor;
  detail::SessionThreads<Connection> connections{"connection", changed};
  std::jthread accepting;
};

void SshServer::State::serve(detail::Door::Visitor visitor) {
  detail::Admission admission(door, metrics, visitor);
  detail::SshSession session(ssh_new());
  if (!session) return;
  // "no" would only put it last.
  ssh_options_set(session.get(), SSH_OPTIONS_COMPRESSION_C_S, "none");
  ssh_options_set(session.get(), SSH_OPTIONS_COMPRESSION_S_C, "none");
  const int raw = visitor.socket.release();  // libssh closes it with the session
  if (ssh_bind_accept_fd(bind.get(), session.get(), raw) != SSH_OK) {
    base::Log("gitd").warn("connection not taken",
                           {{"peer", visitor.peer}, {"error", ssh_get_error(bind.get())}});
    if (ssh_get_fd(session.get()) != raw) ::close(raw);
    return;
  }
  start(std::move(session), std::move(admission));
}

void SshServer::State::start(detail::SshSession session, detail::Admission admission) {
  const auto make = [&] {
    return std::make_unique<Connection>(shared, std::move(session), std::move(admission));
  };
  connections.start(make, [](Connection& connection) {
    // Closed here and not where it is reaped: waiting for its workers would keep everybody else at the door.
    try {
      connection.run();
    } catch (...) {
      connection.close();
      throw;
    }
    connection.close();
  });
}

SshServer::SshServer(SshServerConfig config, base::TcpListener listener, PushHandler& handler,
                     base::Metrics& metrics)
    : state_(std::make_unique<State>(std::move(config), std::move(listener), handler, metrics)) {
  state_->accepting = std::jthread([state = state_.get()](const std::stop_token& stop) {
    detail::beginThread("gitd-accept");
    state->acceptor.run(
        stop, [state](detail::Door::Visitor visitor) { state->serve(std::move(visitor)); },
        [state] { state->connections.reap(); });
  });
}

SshServer::~SshServer() {
  stop(std::chrono::milliseconds(0));
}

std::string SshServer::address() const {
  return state_->listener.address();
}

std::vector<std::string> SshServer::hostKeyFingerprints() const {
  return state_->hostKeyFingerprints;
}

void SshServer::stop(std::chrono::milliseconds grace) {
  if (state_->accepting.joinable()) {
    state_->accepting.request_stop();
    state_->accepting.join();
    state_->listener.close();
  }
  state_->connections.forEach([](Connection& connection) { connection.requestEnd(); });
  state_->connections.endAll(grace);
}

}  // namespace gitd
