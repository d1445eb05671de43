// git push, the server's side, over any wire. (gitprotocol-pack, "Pushing Data To a Server".)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"
#include "git/fsck_policy.h"
#include "git/hidden_refs.h"
#include "git/memory_budget.h"
#include "git/object_id.h"
#include "git/pack_receiver.h"
#include "git/quarantine.h"
#include "git/ref_store.h"
#include "git/repository.h"
#include "git/wire.h"

namespace git {

/// What became of an accepted command when it is not what the client asked for. (report-status-v2.)
struct PushReport {
  std::optional<std::string> ref;
  std::optional<ObjectId> oldId;
  std::optional<ObjectId> newId;
  bool forced = false;
};

/// One command of a push and what became of it.
struct PushCommand {
  std::string ref;
  ObjectId oldId;
  ObjectId newId;
  std::optional<std::string> refusal = std::nullopt;  ///< the one-line status beside the ref; none: accepted
  std::vector<PushReport> reports = {};
  bool handled = false;      ///< another command, or a hook, does what it asks for
  bool didNotExist = false;  ///< a deletion of nothing
  bool isCreate() const noexcept { return oldId.isNull(); }
  bool isDelete() const noexcept { return newId.isNull(); }
  bool isLeft() const noexcept { return !refusal && !handled; }
  /// The first refusal stays.
  void refuse(std::string why) {
    if (!refusal) refusal = std::move(why);
  }
};

/// A push on its way. One thread at a time.
struct Push {
  const Repository& repository;
  RefStore& refs;
  Wire& wire;
  std::vector<PushCommand> commands = {};
  std::vector<std::string> options = {};  ///< git push -o
  bool optionsGiven = false;              ///< the client speaks of options, if only of none
  bool atomic = false;
  bool quiet = false;
  /// The pack's objects; none when the push has no pack. A backend may keep it longer than the push.
  std::shared_ptr<Quarantine> quarantine = nullptr;
  /// Reads the repository's and the quarantine's objects.
  std::shared_ptr<const ObjectSource> objects = nullptr;
  PackSummary pack = {};
  std::int64_t indexMs = 0;      ///< from the pack's first byte to its index
  std::int64_t receiveMs = 0;    ///< and to the end of its checks
  std::int64_t checkMs = 0;      ///< of that, what came after the pack's last byte
  std::string unpackError = {};  ///< why nothing of it can be accepted; empty: unpacked

  bool anyLeft() const noexcept;
};

/// What a push means: the seam between the protocol and whoever owns the repository.
class PushBackend {
 public:
  virtual ~PushBackend() = default;
  /// Before anything is stored: refuses commands that cannot be accepted whatever their objects are.
  virtual void admit(Push& push) = 0;
  /// The objects are complete and wait in the quarantine: decides about the commands that are left, accepts
  /// the quarantine and moves the refs. Blocks as long as it takes. What it throws refuses the commands whose
  /// refs have not moved by then; cancelled ends the session.
  virtual void carryOut(Push& push) = 0;
  /// The client has heard the result, but for what goes to its screen.
  virtual void reported(Push& push) = 0;
  /// It ended before there was a result: the client is gone or makes no sense. What the push asked for may
  /// not be known yet. Called in place of reported(); must not throw.
  virtual void broken(const Push& push, const base::Error& why) noexcept = 0;
};

struct ReceiveSettings {
  std::string agent;                     ///< "fairlead/1.0"
  std::optional<std::string> sessionId;  ///< advertised when given
  int protocol = 0;                      ///< of GIT_PROTOCOL; 1 adds a line, 2 is answered as 0
  bool advertiseAtomic = true;
  bool advertisePushOptions = true;
  bool advertiseOfsDelta = true;
  HiddenRefs hiddenRefs;
  /// Whether a push may lean on any object that the repository holds, as with git, or only on what the pusher
  /// can read: what refs lead to that were advertised or are there now, hidden ones excepted.
  enum class Links : std::uint8_t { stored, reachable } links = Links::stored;
  /// A push whose history is cut off may make the repository shallow. (receive.shallowUpdate.)
  bool shallowUpdate = false;
  ReceiveLimits limits;
  FsckPolicy policy;
  MemoryBudget* memory = nullptr;
  Limit commands{100'000, "push_max_commands"};
  Limit commandBytes{std::uint64_t{3} << 20, "push_max_command_bytes"};
  Limit optionBytes{std::uint64_t{64} << 10, "push_max_option_bytes"};
  Limit shallowLines{10'000, "push_max_shallow"};
  Limit refs{1'000'000, "repository_max_refs"};
  /// That the disk must keep free: no push goes below, so that clones and restarts still work.
  Limit diskFree{0, "disk_min_free_bytes"};
};

enum class ReceiveMode { full, advertiseOnly, stateless };

/// Serves one git-receive-pack from the advertisement to the end; returns the exit status. Side-band, the
/// report and its order are the protocol's; a malformed request throws invalidArgument, a client that went
/// away cancelled. A pack that cannot be accepted, or not be stored (the disk is full, too many files are
/// open), is answered, not thrown.
int receivePack(Wire& wire, const Repository& repository, const ReceiveSettings& settings,
                PushBackend& backend, ReceiveMode mode = ReceiveMode::full);

}  // namespace git
