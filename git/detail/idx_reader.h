// A pack's index. (gitformat-pack, "Pack idx version 2" and "version 1".)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "git/object_id.h"

namespace git::detail {

/// Looks up ids in the bytes of an idx file, which it borrows. Checks the shape when constructed, so that a
/// damaged file is refused then and never read past its end. The order of the ids is trusted: a file that
/// lies about it hides objects, no more. Immutable, thread-safe.
class IdxReader {
 public:
  IdxReader() = default;
  /// Throws corrupt.
  IdxReader(std::string_view bytes, ObjectFormat format);

  std::uint32_t count() const noexcept { return count_; }
  /// Positions are in the order of ids.
  std::optional<std::uint32_t> find(const ObjectId& id) const noexcept;
  ObjectId idAt(std::uint32_t position) const noexcept { return {format_, idBytes(position)}; }
  /// Where the entry begins in the pack. Throws corrupt for a 64-bit offset that is not there.
  std::uint64_t offsetAt(std::uint32_t position) const;
  /// The hash that ends the pack, as the index knows it.
  std::string_view packHash() const noexcept;

 private:
  const char* idBytes(std::uint32_t position) const noexcept {
    return ids_ + static_cast<std::size_t>(position) * stride_;
  }
  std::uint32_t fanout(std::uint32_t slot) const noexcept;

  std::string_view bytes_;
  ObjectFormat format_ = ObjectFormat::sha1;
  std::uint32_t count_ = 0;
  std::uint32_t large_ = 0;  // how many 64-bit offsets there are
  std::size_t stride_ = 20;  // from one id to the next
  const char* fanout_ = nullptr;
  const char* ids_ = nullptr;
  const char* offsets_ = nullptr;  // version 2; version 1 has them in front of the ids
  const char* largeOffsets_ = nullptr;
};

}  // namespace git::detail
