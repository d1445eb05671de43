#include "git/detail/pack_view.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/c_handle.h"
#include "base/error.h"
#include "git/detail/big_endian.h"
#include "git/detail/delta.h"

namespace git::detail {
namespace {

using Decompressor = base::CHandle<libdeflate_decompressor, &libdeflate_free_decompressor>;

constexpr std::size_t kHeaderBytes = 12;
// Deflate makes at most 1032 bytes of one.
constexpr std::uint64_t kMaxRatio = 1040;

[[noreturn]] void throwDamaged() {
  throw base::Error(base::Errc::corrupt, "a pack is damaged: restore it from a backup or another clone");
}

libdeflate_decompressor& threadDecompressor() {
  thread_local Decompressor decompressor(libdeflate_alloc_decompressor());
  if (!decompressor) throw base::Error(base::Errc::overloaded, "out of memory");
  return *decompressor;
}

/// Reads an entry's header byte by byte.
class HeaderCursor {
 public:
  HeaderCursor(std::string_view bytes, std::uint64_t at) : bytes_(bytes), at_(at) {}
  std::uint8_t next() {
    if (at_ >= bytes_.size()) throwDamaged();
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  const char* take(std::size_t count) {
    if (bytes_.size() - at_ < count) throwDamaged();
    at_ += count;
    return bytes_.data() + at_ - count;
  }
  std::uint64_t at() const { return at_; }

 private:
  std::string_view bytes_;
  std::uint64_t at_;
};

std::uint64_t readDistance(HeaderCursor& cursor) {
  std::uint8_t byte = cursor.next();
  std::uint64_t distance = byte & 127;
  while ((byte & 128) != 0) {
    if (distance > (std::numeric_limits<std::uint64_t>::max() >> 8)) throwDamaged();
    byte = cursor.next();
    distance = ((distance + 1) << 7) | (byte & 127);
  }
  return distance;
}

}  // namespace

PackView::PackView(std::string_view bytes, ObjectFormat format) : format_(format) {
  if (bytes.size() < kHeaderBytes + idSize(format) || !bytes.starts_with("PACK")) throwDamaged();
  const std::uint32_t version = readBig32(bytes.data() + 4);
  if (version != 2 && version != 3) throwDamaged();
  count_ = readBig32(bytes.data() + 8);
  content_ = bytes.substr(0, bytes.size() - idSize(format));
  trailer_ = bytes.substr(content_.size());
}

PackEntry PackView::entryAt(std::uint64_t offset) const {
  if (offset < kHeaderBytes || offset >= content_.size()) throwDamaged();
  HeaderCursor cursor(content_, offset);
  PackEntry entry;
  entry.offset = offset;
  std::uint8_t byte = cursor.next();
  const unsigned type = (byte >> 4) & 7;
  entry.size = byte & 15;
  for (unsigned shift = 4; (byte & 128) != 0; shift += 7) {
    if (shift > 56) throwDamaged();
    byte = cursor.next();
    entry.size |= static_cast<std::uint64_t>(byte & 127) << shift;
  }
  if (type == 6) {
    entry.kind = PackEntry::Kind::offsetDelta;
    const std::uint64_t distance = readDistance(cursor);
    if (distance == 0 || distance > offset - kHeaderBytes) throwDamaged();
    entry.baseOffset = offset - distance;
  } else if (type == 7) {
    entry.kind = PackEntry::Kind::idDelta;
    entry.baseId = ObjectId(format_, cursor.take(idSize(format_)));
  } else if (type >= 1 && type <= 4) {
    entry.type = static_cast<ObjectType>(type);
  } else {
    throwDamaged();
  }
  entry.dataOffset = cursor.at();
  return entry;
}

std::string PackView::inflate(const PackEntry& entry) const {
  const std::string_view deflated = content_.substr(entry.dataOffset);
  if (entry.size / kMaxRatio > deflated.size()) throwDamaged();
  std::string data(entry.size, '\0');
  std::size_t used = 0;
  const auto result = libdeflate_zlib_decompress_ex(&threadDecompressor(), deflated.data(), deflated.size(),
                                                    data.data(), data.size(), &used, nullptr);
  if (result != LIBDEFLATE_SUCCESS) throwDamaged();
  return data;
}

std::uint64_t PackView::deltaResultSize(const PackEntry& entry) const {
  const std::string_view deflated = content_.substr(entry.dataOffset);
  char head[kDeltaHeadMax];
  z_stream stream{};
  if (::inflateInit(&stream) != Z_OK) throw base::Error(base::Errc::overloaded, "out of memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(deflated.data()));
  stream.avail_in = static_cast<uInt>(std::min<std::size_t>(deflated.size(), 256));
  stream.next_out = reinterpret_cast<Bytef*>(head);
  stream.avail_out = sizeof head;
  const int rc = ::inflate(&stream, Z_SYNC_FLUSH);
  const std::size_t made = sizeof head - stream.avail_out;
  ::inflateEnd(&stream);
  if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) throwDamaged();
  const auto parsed = parseDeltaHead({head, made});
  if (!parsed) throwDamaged();
  return parsed->resultSize;
}

}  // namespace git::detail
