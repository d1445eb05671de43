// Entries of the pack that is being received, inflated.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "git/detail/incoming_entries.h"
#include "git/detail/incoming_file.h"
#include "git/detail/inflate.h"

namespace git::detail {

/// Bytes whose room can be used again. Movable; empty after a move.
struct Buffer {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
  std::size_t room = 0;
  std::string_view view() const noexcept { return {bytes.get(), size}; }
};

/// Keeps small buffers, so that millions of objects need few allocations. One thread at a time.
class BufferPool {
 public:
  Buffer take(std::size_t size);
  void give(Buffer buffer);

 private:
  std::vector<Buffer> free_;
};

/// Reads entries that a first pass has seen to be well-formed. One thread at a time.
class EntryReader {
 public:
  /// `dataEnd` is where the last entry ends.
  EntryReader(const IncomingFile& file, const IncomingEntries& entries, std::uint64_t dataEnd,
              BufferPool& pool)
      : file_(file), entries_(entries), dataEnd_(dataEnd), pool_(pool) {}
  /// The object, or of a delta its instructions.
  Buffer read(std::uint32_t entry);

 private:
  struct Head {
    std::size_t bytes = 0;
    std::uint64_t plainSize = 0;
  };
  Head parseHead(StoredType stored, std::string_view packed) const;
  void inflateInPieces(std::uint64_t offset, std::uint64_t end, Buffer& out);

  const IncomingFile& file_;
  const IncomingEntries& entries_;
  std::uint64_t dataEnd_;
  BufferPool& pool_;
  Buffer packed_;
  WholeInflater whole_;
  StreamInflater stream_;
};

}  // namespace git::detail
