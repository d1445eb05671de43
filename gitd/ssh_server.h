// The SSH front door.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/tcp_listener.h"
#include "gitd/push_handler.h"

namespace gitd {

struct SshServerConfig {
  std::filesystem::path hostKeyFile;        ///< ed25519, made (0600) when missing
  unsigned maxConnections = 256;            ///< setting ssh_max_connections; more wait in the accept queue
  unsigned maxUnauthenticated = 64;         ///< setting ssh_max_unauthenticated
  std::chrono::seconds loginGrace{30};      ///< setting ssh_login_grace_s
  std::chrono::seconds idleTimeout{600};    ///< setting ssh_idle_timeout_s
  std::uint64_t packMaxBytes = 2ull << 30;  ///< setting pack_max_bytes
  std::uint64_t objectMaxBytes = 512ull << 20;  ///< setting object_max_bytes
  std::uint64_t packMaxObjects = 5'000'000;     ///< setting pack_max_objects
  std::uint32_t maxCommands = 1000;             ///< setting push_max_commands: ref updates in one push
};

/// Accepts at once after construction, one thread for accepting, one per connection, one per push or command
/// under way. stop() ends accepting, waits for sessions up to `grace`, then closes them. Public-key login
/// only. (RFC 4252-4254; gitprotocol-pack.)
class SshServer {
 public:
  SshServer(SshServerConfig config, base::TcpListener listener, PushHandler& handler);
  ~SshServer();
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;
  /// "HOST:PORT" as bound.
  std::string address() const;
  /// "SHA256:..." of the host key.
  std::string hostKeyFingerprint() const;
  void stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The fingerprint and canonical "type base64" of an OpenSSH public key line; throws invalidArgument for
/// anything else (certificates, private keys, DSA, RSA under 2048 bits).
struct PublicKey {
  std::string canonical;
  std::string fingerprint;
  std::string comment;
};
PublicKey parsePublicKey(const std::string& line);

}  // namespace gitd
