// The entries of a pack in memory. (gitformat-pack.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "git/object_id.h"

namespace git::detail {

/// How an entry is stored.
struct PackEntry {
  enum class Kind : std::uint8_t { whole, offsetDelta, idDelta };
  Kind kind = Kind::whole;
  ObjectType type = ObjectType::blob;  ///< of a whole object
  std::uint64_t size = 0;              ///< of what is deflated: the object or the delta
  std::uint64_t offset = 0;            ///< of the entry
  std::uint64_t dataOffset = 0;        ///< of the deflated bytes
  std::uint64_t baseOffset = 0;        ///< of an offsetDelta's base; smaller than offset
  ObjectId baseId;                     ///< of an idDelta's base
};

/// Reads entries from a pack's bytes, which it borrows. Never reads outside of them whatever they hold;
/// throws corrupt instead. Immutable, thread-safe.
class PackView {
 public:
  PackView() = default;
  /// Throws corrupt unless it has a pack's header and room for its trailer.
  PackView(std::string_view bytes, ObjectFormat format);

  std::uint32_t count() const noexcept { return count_; }
  PackEntry entryAt(std::uint64_t offset) const;
  /// What the entry has deflated: entry.size bytes.
  std::string inflate(const PackEntry& entry) const;
  /// The size of what a delta makes, without inflating all of it.
  std::uint64_t deltaResultSize(const PackEntry& entry) const;
  /// From the pack's start, the trailer left out.
  std::string_view content() const noexcept { return content_; }
  std::string_view trailer() const noexcept { return trailer_; }

 private:
  std::string_view content_;
  std::string_view trailer_;
  ObjectFormat format_ = ObjectFormat::sha1;
  std::uint32_t count_ = 0;
};

}  // namespace git::detail
