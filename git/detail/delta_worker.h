// One thread's part in resolving a pack's deltas.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "git/detail/delta_resolver.h"
#include "git/detail/entry_reader.h"

namespace git::detail {

/// Walks trees of deltas; see DeltaResolver. One thread at a time.
class DeltaWorker {
 public:
  /// Asked now and then.
  struct Watch {
    std::function<void()> tick{};        ///< may be empty
    UnpackTime::Spell* spell = nullptr;  ///< this thread's; none to rebuild() only
  };
  DeltaWorker(const DeltaResolver::Parts& parts, std::atomic<std::uint64_t>& resolved, Watch watch);

  /// The deltas that lead to `root`, the largest object among them of `largest` bytes.
  void resolveTree(std::uint32_t root, std::uint64_t largest);
  /// Those to an object of the repository, of `size` bytes; `first` is the first of them.
  void resolveOutsideTree(const OutsideBase& base, std::uint32_t first, std::uint64_t size);
  /// The content of an entry whose bases are all known.
  Buffer rebuild(std::uint32_t entry);

 private:
  /// An object on the way from the root, and its deltas that are not resolved yet.
  struct Frame {
    std::uint32_t entry = kNoEntry;  // none for an outside base
    std::size_t firstChild = 0;      // in children_, to its end or the next frame's
    std::size_t lastChild = 0;
    unsigned depth = 0;
    Buffer data;
  };
  void walk(std::uint64_t budget);
  void resolveChild(Frame& parent, std::uint32_t child);
  void push(std::uint32_t entry, unsigned depth, Buffer data);
  void addChildren(std::uint32_t first, std::uint32_t base);
  Buffer apply(std::uint32_t entry, const Buffer& base);
  void dropBeyond(std::uint64_t budget);
  Buffer outsideData();

  DeltaResolver::Parts parts_;
  std::atomic<std::uint64_t>& resolved_;
  Watch watch_;
  IncomingEntries& entries_;
  BufferPool pool_;
  EntryReader reader_;
  IntakeWorker intake_;
  std::vector<Frame> frames_;
  std::vector<std::uint32_t> children_;
  std::optional<std::uint32_t> outside_;  // the number of the outside base at the bottom
  ObjectType type_ = ObjectType::blob;    // of all objects in the tree
  std::uint64_t held_ = 0;                // bytes in frames_
  std::uint64_t rebuilt_ = 0;
  unsigned sinceCheck_ = 0;  // objects
};

}  // namespace git::detail
