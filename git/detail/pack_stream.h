// The entries of a pack as its bytes come. (gitformat-pack, "pack-*.pack files have the following format".)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "git/detail/id_table.h"
#include "git/detail/incoming_entries.h"
#include "git/detail/inflate.h"
#include "git/detail/intake_pipe.h"
#include "git/pack_receiver.h"

namespace git::detail {

/// Throws invalidArgument: "WHAT is larger than LIMIT bytes; ask the administrator to raise SETTING".
[[noreturn]] void throwOverLimit(std::string_view what, const Limit& limit);

/// Reads entries' headers, inflates every entry to see that it is as long as it says, hands whole objects and
/// the pack's bytes on, down an IntakePipe, and notes how deltas hang together. Every size is checked before
/// anything is inflated. Keeps a window of what is not read yet and one object. One thread at a time.
class PackStream {
 public:
  struct Parts {
    const ReceiveLimits& limits;
    ObjectIntake& intake;
    IncomingFile& file;
    MemoryBudget& memory;
    UnpackTime& time;
    const std::stop_token& stop;
  };
  explicit PackStream(const Parts& parts);

  /// Returns how many of the bytes belong to the pack. Throws invalidArgument.
  std::size_t append(std::string_view bytes);
  bool complete() const noexcept { return state_ == State::complete; }
  std::uint64_t bytes() const noexcept { return received_; }
  /// That the header declares; 0 until it is there.
  std::uint64_t objects() const noexcept { return objectCount_; }
  /// After complete(): the hash that ends the pack. All that was handed on is done then.
  const ObjectId& trailer() const noexcept { return trailer_; }
  std::uint64_t unpackedBytes() const noexcept { return unpacked_; }
  /// The ids that deltas name as their base, each with the first of its deltas in firstRefChild().
  IdTable& refBases() noexcept { return refBases_; }
  std::vector<std::uint32_t>& firstRefChild() noexcept { return firstRefChild_; }

 private:
  enum class State : std::uint8_t { header, entry, whole, stream, trailer, complete };
  bool step();
  bool takeHeader();
  bool takeEntryHead();
  bool inflateWhole();
  bool inflateStream();
  bool takeTrailer();
  void noteBase(std::string_view& rest);
  void beginData();
  void takeDeltaHead(std::string_view plain);
  void endEntry();
  void advance(std::size_t count);
  void passRaw();
  std::string_view rest() const noexcept { return std::string_view(window_).substr(at_); }

  Parts parts_;
  State state_ = State::header;
  std::string window_;
  std::size_t at_ = 0;      // in the window: what is before it was read
  std::size_t passed_ = 0;  // in the window: what is before it went down the pipe
  std::uint64_t received_ = 0;
  std::uint64_t position_ = 0;  // of at_ in the pack
  std::uint64_t objectCount_ = 0;
  std::uint64_t unpacked_ = 0;
  ObjectId trailer_;

  IncomingEntry entry_;          // being read
  std::uint64_t plainSize_ = 0;  // of the entry inflated: the object, or the delta
  std::uint64_t plainDone_ = 0;
  bool hashesPieces_ = false;
  std::string deltaHead_;
  std::string plain_;  // of the entry, when it is held whole
  std::optional<MemoryBudget::Share> share_;
  WholeInflater wholeInflater_;
  StreamInflater streamInflater_;
  IntakePipe pipe_;
  IdTable refBases_;
  std::vector<std::uint32_t> firstRefChild_;
};

}  // namespace git::detail
