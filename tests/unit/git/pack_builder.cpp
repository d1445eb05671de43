#include "tests/unit/git/pack_builder.h"

#include <zlib.h>

#include "base/error.h"
#include "git/detail/hash_object.h"

namespace git::testing {
namespace {

std::string bigEndian32(std::uint32_t value) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i)
    bytes[i] = static_cast<char>(value >> (24 - 8 * i));
  return bytes;
}

std::string littleNumber(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7)
    bytes.push_back(static_cast<char>(value | 0x80u));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

/// With small tables that are used again: making them anew is most of what compressing a few bytes costs, and
/// a fuzzer does little else.
class Deflater {
 public:
  Deflater() {
    constexpr int kLargestWindow = 15;
    constexpr int kLeastMemory = 1;
    CHECK(::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kLargestWindow, kLeastMemory,
                         Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~Deflater() { ::deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string deflate(std::string_view bytes) {
    CHECK(::deflateReset(&stream_) == Z_OK);
    std::string out(::deflateBound(&stream_, bytes.size()), '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    CHECK(::deflate(&stream_, Z_FINISH) == Z_STREAM_END);
    out.resize(out.size() - stream_.avail_out);
    return out;
  }

 private:
  z_stream stream_{};
};

}  // namespace

ObjectId idOf(ObjectType type, std::string_view bytes, ObjectFormat format) {
  return detail::Hasher(format).object(type, bytes);
}

std::string treeBytes(const std::vector<NamedEntry>& entries) {
  std::string bytes;
  for (const NamedEntry& entry : entries)
    bytes.append(entry.mode).append(" ").append(entry.name).append(1, '\0').append(entry.id.bytes());
  return bytes;
}

std::string commitBytes(const ObjectId& tree, const std::vector<ObjectId>& parents) {
  std::string text = "tree " + tree.hex() + "\n";
  for (const ObjectId& parent : parents)
    text += "parent " + parent.hex() + "\n";
  return text + "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\ntext\n";
}

Delta::Delta(std::uint64_t baseSize, std::uint64_t resultSize)
    : bytes_(littleNumber(baseSize) + littleNumber(resultSize)) {}

Delta& Delta::copy(std::uint32_t offset, std::uint32_t size) {
  bytes_.push_back('\xff');
  for (unsigned shift = 0; shift < 32; shift += 8)
    bytes_.push_back(static_cast<char>(offset >> shift));
  for (unsigned shift = 0; shift < 24; shift += 8)
    bytes_.push_back(static_cast<char>(size >> shift));
  return *this;
}

Delta& Delta::insert(std::string_view bytes) {
  bytes_.push_back(static_cast<char>(bytes.size()));
  bytes_.append(bytes);
  return *this;
}

Delta& Delta::raw(std::string_view bytes) {
  bytes_.append(bytes);
  return *this;
}

Delta& Delta::reset(std::string_view bytes) {
  bytes_ = bytes;
  return *this;
}

std::string compressed(std::string_view bytes) {
  thread_local Deflater deflater;
  return deflater.deflate(bytes);
}

std::uint64_t PackBuilder::addRaw(unsigned type, std::uint64_t size, std::string_view rest) {
  const std::uint64_t start = this->size();
  std::string head(1, static_cast<char>(type << 4 | (size & 15u)));
  for (size >>= 4; size > 0; size >>= 7) {
    head.back() = static_cast<char>(static_cast<unsigned char>(head.back()) | 0x80u);
    head.push_back(static_cast<char>(size & 0x7fu));
  }
  body_.append(head).append(rest);
  ++count_;
  return start;
}

std::uint64_t PackBuilder::add(ObjectType type, std::string_view bytes) {
  return addRaw(static_cast<unsigned>(type), bytes.size(), compressed(bytes));
}

std::uint64_t PackBuilder::addOffsetDelta(std::uint64_t base, const Delta& delta) {
  std::uint64_t distance = size() - base;
  std::string digits(1, static_cast<char>(distance & 0x7fu));
  while ((distance >>= 7) > 0) {
    --distance;
    digits.insert(digits.begin(), static_cast<char>(0x80u | (distance & 0x7fu)));
  }
  return addRaw(6, delta.bytes().size(), digits + compressed(delta.bytes()));
}

std::uint64_t PackBuilder::addIdDelta(const ObjectId& base, const Delta& delta) {
  return addRaw(7, delta.bytes().size(), std::string(base.bytes()) + compressed(delta.bytes()));
}

std::string PackBuilder::bytes(std::uint32_t count) const {
  const std::string pack = "PACK" + bigEndian32(2) + bigEndian32(count != 0 ? count : count_) + body_;
  detail::PackHasher hasher(format_);
  hasher.update(pack);
  return pack + std::string(hasher.current().bytes());
}

ObjectId MemorySource::add(ObjectType type, std::string bytes) {
  const ObjectId id = idOf(type, bytes, format_);
  addAs(id, type, std::move(bytes));
  return id;
}

std::optional<ObjectHeader> MemorySource::findHeader(const ObjectId& id) const {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return std::nullopt;
  return ObjectHeader{found->second.type, found->second.data.size()};
}

std::optional<Object> MemorySource::find(const ObjectId& id, std::uint64_t maxBytes) const {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return std::nullopt;
  if (found->second.data.size() > maxBytes) throw base::Error(base::Errc::invalidArgument, "too large");
  return found->second;
}

}  // namespace git::testing
