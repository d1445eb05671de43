// What gitd asks of the layer above it: who may do what, and what a push shall lead to.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/interaction.h"

namespace git {
class Quarantine;
}

namespace gitd {

/// Somebody whose signature was verified.
struct Identity {
  std::string user;
  std::string fingerprint;  ///< "SHA256:..."
};

/// A repository that this identity may use.
struct RepositoryAccess {
  std::string name;            ///< the app's
  std::filesystem::path path;  ///< bare repository
};

/// One command of a push. Ids are in hex, of the length of the repository's format; all zeros for "none".
/// (gitprotocol-pack, Reference Update Request.)
struct RefUpdate {
  std::string ref;
  std::string oldId;
  std::string newId;
  bool isCreate() const { return oldId.find_first_not_of('0') == std::string::npos; }
  bool isDelete() const { return newId.find_first_not_of('0') == std::string::npos; }
};

/// A ref update whose objects are complete and wait in quarantine.
struct PushRequest {
  Identity identity;
  RepositoryAccess repository;
  RefUpdate update;
  std::shared_ptr<git::Quarantine> quarantine;  ///< shared by the session and the build, which may outlive it
  std::vector<std::string> options;             ///< git push -o
  std::int64_t receiveMs = 0;                   ///< from the first byte of the pack to the end of its checks
  std::stop_token clientLost{};                 ///< requested also when the network has gone silent
  std::int64_t checkMs = 0;                     ///< of receiveMs, what came after the pack's last byte
  /// The end of the checks: the push's own time goes on from here.
  std::chrono::steady_clock::time_point checkedAt = std::chrono::steady_clock::now();
};

/// Accepted: the ref says newId, durably. Otherwise `reason` is the one-line status that git prints beside
/// the ref. Where the ref was moved from another id than the push asked, or says another one than it asked (a
/// detached build has yet to succeed), the ids tell, for report-status-v2 (its options old-oid, new-oid).
struct PushOutcome {
  bool accepted = false;
  std::string reason;
  std::optional<std::string> oldId;
  std::optional<std::string> newId;
};

/// What came over the wire in one push, and what of it never became a call of push().
struct PackReceived {
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  bool refused = false;  ///< damaged, harmful, over a limit, or no room for it: nothing of it was taken
  std::uint64_t refsRefused = 0;
  std::uint64_t refsCancelled = 0;  ///< their pusher went away before
};

/// The streams of a command that runs over SSH.
class CommandStreams {
 public:
  virtual ~CommandStreams() = default;
  virtual base::ByteSink& out() = 0;
  virtual base::ByteSink& err() = 0;
  /// The client itself, for a command that reads from it.
  virtual base::Interaction& interaction() = 0;
};

/// Implemented by the controller. Called on gitd's threads, several at a time: thread-safe.
class PushHandler {
 public:
  virtual ~PushHandler() = default;

  /// The user of a key, asked before and after its signature is verified; nullopt refuses it.
  virtual std::optional<Identity> findIdentity(const std::string& fingerprint) = 0;
  /// By exact name as typed, without a trailing ".git". nullopt when unknown or forbidden: the same answer
  /// for both.
  virtual std::optional<RepositoryAccess> openRepository(const Identity& identity,
                                                         const std::string& name) = 0;
  /// Before anything is stored: nullopt lets the update go on, otherwise the reason (with what to type
  /// instead) for this ref.
  virtual std::optional<std::string> refuseUpdate(const Identity& identity,
                                                  const RepositoryAccess& repository,
                                                  const RefUpdate& update) = 0;
  /// Push options that are not understood refuse the whole push; the sentence lists the known ones.
  virtual std::optional<std::string> refuseOptions(const std::vector<std::string>& options) = 0;
  /// Blocks until the push is decided. What it writes goes to the pusher's screen (side-band 2), whole lines
  /// or partial ones; write() may block while the client is slow. `clientGone` is requested when the
  /// connection is closed (Ctrl-C).
  virtual PushOutcome push(const PushRequest& request, base::ByteSink& output,
                           std::stop_token clientGone) = 0;
  /// The client has heard what came of its push.
  virtual void received(const PackReceived&) {}
  /// `ssh git@host CMD ...` that is not a git command: blocks, returns the exit status. argv is empty for a
  /// plain `ssh git@host`.
  virtual int runCommand(const Identity& identity, const std::vector<std::string>& argv,
                         CommandStreams& streams, std::stop_token clientGone) = 0;
};

}  // namespace gitd
