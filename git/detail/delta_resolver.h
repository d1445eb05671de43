// Turns a pack's deltas into objects, on several threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "git/detail/incoming_file.h"
#include "git/detail/object_intake.h"
#include "git/detail/unpack_time.h"
#include "git/pack_receiver.h"

namespace git::detail {

class DeltaWorker;

/// A delta's base that only the repository has: number in the table of bases that deltas name by id.
struct OutsideBase {
  std::uint32_t number = 0;
  ObjectType type = ObjectType::blob;
};

/// Every object that is no delta, and every outside base, is the root of a tree of deltas; a thread resolves
/// a tree from the root down. On the way it holds an object only as long as a delta to it is left, the
/// largest branch last: so no more than a few objects at once, and if those are more than its share of
/// memory, it drops some and makes them again. Trees and commits come before blobs, so that what trees say of
/// blobs is known.
class DeltaResolver {
 public:
  struct Parts {
    const IncomingFile& file;
    std::uint64_t dataEnd;  ///< where the last entry ends
    ObjectIntake& intake;
    const ObjectSource& existing;
    const ReceiveLimits& limits;
    MemoryBudget& memory;
    UnpackTime& time;
    IdTable& refBases;
    std::vector<std::uint32_t>& firstRefChild;
    const std::stop_token& stop;
    const std::function<void(const PackProgress&)>& progress;
    std::vector<OutsideBase>& used;  ///< gets the outside bases, each before it is used
  };
  explicit DeltaResolver(const Parts& parts);

  /// Resolves all. Throws invalidArgument, also when some delta's base is nowhere. `spell` is the calling
  /// thread's.
  void run(UnpackTime::Spell& spell);

  /// The content of one entry, by its chain of bases; when all are resolved.
  std::string read(std::uint32_t entry);

  std::uint64_t deltas() const noexcept { return deltas_; }

 private:
  enum class Kind : std::uint8_t { structure, blobs };
  void weigh();
  void resolveInside(Kind kind);
  void resolveOutside(Kind kind);
  void runOnThreads(std::size_t jobs, const std::function<void(DeltaWorker&, std::size_t)>& job);
  void report(std::uint64_t done);

  Parts parts_;
  UnpackTime::Spell* spell_ = nullptr;  // while run() is under way
  std::uint64_t deltas_ = 0;
  std::atomic<std::uint64_t> resolved_ = 0;
  std::vector<std::uint64_t> largest_;  // by entry: the largest object in its tree
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace git::detail
