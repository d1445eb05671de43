// A pack as it streams in: checked, indexed, laid down in a quarantine. (gitformat-pack.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "git/fsck_policy.h"
#include "git/memory_budget.h"
#include "git/object_id.h"
#include "git/object_source.h"

namespace git {

class PackSnapshot;
namespace detail {
class OutsideObjects;
}

/// A bound, and what the setting is called that changes it.
struct Limit {
  std::uint64_t value = 0;
  std::string setting;
};

/// Each is checked before what it bounds is stored, inflated or applied.
struct ReceiveLimits {
  Limit packBytes{std::uint64_t{2} << 30, "pack_max_bytes"};
  Limit packObjects{10'000'000, "pack_max_objects"};
  Limit objectBytes{std::uint64_t{100} << 20, "object_max_bytes"};           ///< one object unpacked
  Limit unpackedBytes{std::uint64_t{256} << 30, "pack_unpacked_max_bytes"};  ///< all objects unpacked
  Limit unpackedRatio{5000,
                      "pack_unpacked_max_ratio"};  ///< unpacked to packed bytes, beyond the first 256 MiB
  Limit deltaDepth{4095, "pack_max_delta_depth"};
  Limit treeBytes{32u << 20, "tree_max_bytes"};   ///< one tree, commit or tag: it is held in memory
  Limit unpackSeconds{600, "pack_unpack_max_s"};  ///< of the processor, all threads together
  unsigned threads = 0;                           ///< at work on one pack; 0 = the number of cores, at most 8
};

struct PackProgress {
  enum class Phase : std::uint8_t { receiving, resolving };
  Phase phase = Phase::receiving;
  std::uint64_t done = 0;   ///< objects, or deltas
  std::uint64_t total = 0;  ///< 0 until the pack's header is there
  std::uint64_t bytes = 0;  ///< of the pack so far
};

struct PackReceiverOptions {
  std::filesystem::path folder;  ///< the quarantine's objects/pack; must exist
  const ObjectSource&
      existing;  ///< the repository's objects, without the quarantine; must outlive the receiver
  ReceiveLimits limits;
  FsckPolicy policy;
  /// For what deltas lead to, shared by all receivers; none: 64 MiB of its own. What waits for a slow client
  /// takes nothing from it.
  MemoryBudget* memory = nullptr;
  std::unordered_set<ObjectId> shallow{};  ///< commits whose parents need not be there
  /// Given, with `mayUse`: a push may lean on what its pusher can read only. Then nothing that the pusher
  /// hears depends on what else `existing` holds; links that leave the pack are not looked up there but come
  /// out of outside(). `outside` lists the packs of `existing`.
  std::shared_ptr<const PackSnapshot> outside{};
  /// Whether all of these, bases of deltas, can be read by the pusher.
  std::function<bool(detail::OutsideObjects&)> mayUse{};
  std::function<void(const PackProgress&)>
      progress{};  ///< on the caller's thread, at most ten times a second
  std::stop_token stop{};
};

struct PackSummary {
  std::uint64_t bytes = 0;    ///< as received
  std::uint64_t objects = 0;  ///< as received
  std::uint64_t deltas = 0;
  std::uint64_t basesAdded = 0;         ///< to complete a thin pack
  std::vector<std::string> warnings{};  ///< "object ID: MESSAGE-ID: text", the first hundred
  std::uint64_t warningCount = 0;
  std::optional<ObjectId> name;                ///< pack-NAME.pack and pack-NAME.idx; none when no object came
  std::optional<std::filesystem::path> index;  ///< FOLDER/pack-NAME.idx
};

/// What is said with options.outside of deltas whose bases the pusher cannot read, wherever they are.
inline constexpr const char* kLostBases =
    "pack has unresolved deltas: their bases are neither in it nor in the repository";

struct MissingObject {
  ObjectId id;
  std::optional<ObjectId> neededBy;  ///< an object of the pack; none when it is a tip itself
};

/// Takes a pack's bytes in pieces, knows where it ends, writes it down while it comes, then resolves its
/// deltas on several threads (bases in the pack first, then the repository's: thin packs), checks every
/// object and writes the index. Memory: about 100 bytes an object, a few MiB, and the budget's share for
/// delta bases, whatever the pack's size. The files are synced and have their final names when finish()
/// returns; before that the destructor removes them. One thread at a time. Throws invalidArgument for the
/// sender's faults: a limit (it names its setting), bytes that are no pack, an object that the policy refuses
/// ("object ID: MESSAGE-ID: text"), a collision; cancelled; io.
class PackReceiver {
 public:
  explicit PackReceiver(PackReceiverOptions options);
  ~PackReceiver();
  PackReceiver(const PackReceiver&) = delete;
  PackReceiver& operator=(const PackReceiver&) = delete;

  /// Takes bytes; those behind the pack's end are left: returns how many belonged to it.
  std::size_t append(std::string_view bytes);
  /// True when the pack's last byte was taken.
  bool complete() const noexcept;
  /// After complete(); once.
  PackSummary finish();
  /// After finish(), or instead of it when no pack came: a link of a new object, or a tip, that ends neither
  /// in the pack nor in `existing`. No history is walked: `existing` is closed, since nothing gets in without
  /// this check. Throws invalidArgument for a link to an object of another type.
  std::optional<MissingObject> findMissing(const std::vector<ObjectId>& tips) const;

  /// With options.outside, after finish(), once: what the pack leans on, and a link in it to an object of
  /// another type.
  detail::OutsideObjects takeOutside();
  /// When all of that can be read: checks what it has of special blobs; returns further warnings.
  std::vector<std::string> checkOutside();
  /// Whether the object came in the pack, as a sender counts.
  bool brings(const ObjectId& id) const noexcept;
  /// How many came.
  std::uint64_t objects() const noexcept;
  /// In the order of the pack.
  std::vector<ObjectId> commits() const;
  ObjectId entryId(std::uint32_t entry) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace git
