// The SSH front door.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/tcp_listener.h"
#include "git/memory_budget.h"
#include "gitd/push_handler.h"

namespace gitd {

/// What one push may bring, beside its pack's size. Whoever is refused is told the setting.
struct PushLimits {
  std::uint64_t commands = 1000;               ///< setting push_max_commands: ref updates
  std::uint64_t commandBytes = 3ull << 20;     ///< setting push_max_command_bytes, of all ref updates
  std::uint64_t optionBytes = 64ull << 10;     ///< setting push_max_option_bytes, of all git push -o
  std::uint64_t shallow = 10'000;              ///< setting push_max_shallow: ends of a cut-off history
  std::uint64_t refs = 100'000;                ///< setting repository_max_refs, with those of the push
  std::uint64_t unpackedBytes = 256ull << 30;  ///< setting pack_unpacked_max_bytes
  std::uint64_t unpackedRatio = 5000;          ///< setting pack_unpacked_max_ratio
  std::uint64_t deltaDepth = 4095;             ///< setting pack_max_delta_depth
  std::uint64_t treeBytes = 32ull << 20;       ///< setting tree_max_bytes: one tree, commit or tag
  std::uint64_t unpackSeconds = 600;           ///< setting pack_unpack_max_s
  std::uint64_t diskFreeBytes = 256ull << 20;  ///< setting disk_min_free_bytes: less refuses pushes
};

struct SshServerConfig {
  std::filesystem::path hostKeyFile;     ///< ed25519, made (0600) when missing
  std::filesystem::path rsaHostKeyFile;  ///< RSA for clients that know nothing else, the same; empty: none
  unsigned maxConnections = 256;         ///< setting ssh_max_connections
  unsigned maxUnauthenticated = 64;      ///< setting ssh_max_unauthenticated
  unsigned maxUnauthenticatedPerSource = 16;  ///< setting ssh_max_unauthenticated_per_source
  unsigned maxPerSource = 100;                ///< setting ssh_max_per_source
  unsigned maxWaiting = 1024;             ///< setting ssh_max_waiting; a quarter of the descriptors at most
  std::chrono::seconds maxWait{60};       ///< setting ssh_max_wait_s: over a limit, before it is refused
  unsigned maxChannels = 10;              ///< setting ssh_max_channels, of one connection
  std::chrono::seconds loginGrace{30};    ///< setting ssh_login_grace_s
  std::chrono::seconds idleTimeout{600};  ///< setting ssh_idle_timeout_s
  std::chrono::milliseconds keepalive{15000};   ///< setting ssh_keepalive_s; four without an answer: lost
  std::uint64_t packMaxBytes = 2ull << 30;      ///< setting pack_max_bytes
  std::uint64_t objectMaxBytes = 512ull << 20;  ///< setting object_max_bytes
  std::uint64_t packMaxObjects = 5'000'000;     ///< setting pack_max_objects
  PushLimits push;
  /// Setting pack_memory_bytes, for the packs of all pushes. Shared by the servers and by whoever made them.
  std::shared_ptr<git::MemoryBudget> packMemory = nullptr;
};

/// Accepts at once after construction, one thread for accepting, one per connection, one per push or command
/// under way. Limits on connections queue: over them a client waits for `maxWait` before it is refused with a
/// sentence. Public-key login only. (RFC 4252-4254; gitprotocol-pack.)
class SshServer {
 public:
  /// All but the configuration outlive it.
  SshServer(SshServerConfig config, base::TcpListener listener, PushHandler& handler, base::Metrics& metrics);
  ~SshServer();
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;
  /// "HOST:PORT" as bound.
  std::string address() const;
  /// "SHA256:..." of the host keys, ed25519 first.
  std::vector<std::string> hostKeyFingerprints() const;
  /// Closes the port, gives commands a few seconds, pushes and fetches under way up to `grace`, then tells
  /// their clients in a sentence and ends them. Once.
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
