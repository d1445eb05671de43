#include "git/detail/idx_writer.h"

#include <array>
#include <string>
#include <vector>

#include "git/detail/hash_object.h"

namespace git::detail {
namespace {

/// Collects what is written, hashes it and passes it on.
class IndexFile {
 public:
  IndexFile(IncomingFile& file, ObjectFormat format) : file_(file), hasher_(format) {}

  void bytes(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kBuffered) flush();
  }
  void number32(std::uint32_t value) {
    const std::array<char, 4> text = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                                      static_cast<char>(value >> 8), static_cast<char>(value)};
    bytes({text.data(), text.size()});
  }
  void number64(std::uint64_t value) {
    number32(static_cast<std::uint32_t>(value >> 32));
    number32(static_cast<std::uint32_t>(value));
  }
  void finish() {
    flush();
    file_.append(hasher_.current().bytes());
  }

 private:
  static constexpr std::size_t kBuffered = 64u << 10;
  void flush() {
    hasher_.update(buffer_);
    file_.append(buffer_);
    buffer_.clear();
  }
  IncomingFile& file_;
  PackHasher hasher_;
  std::string buffer_;
};

}  // namespace

void writeIndex(const IncomingEntries& entries, const ObjectId& packHash, IncomingFile& file) {
  constexpr std::uint64_t kLarge = 0x80000000;
  IndexFile out(file, entries.format());
  out.bytes({"\377tOc\0\0\0\2", 8});
  std::array<std::uint32_t, 256> counts{};
  for (const std::uint32_t index : entries.byId())
    ++counts[*entries.idBytes(index)];
  std::uint32_t sum = 0;
  for (const std::uint32_t count : counts)
    out.number32(sum += count);
  for (const std::uint32_t index : entries.byId())
    out.bytes({reinterpret_cast<const char*>(entries.idBytes(index)), idSize(entries.format())});
  for (const std::uint32_t index : entries.byId())
    out.number32(entries[index].crc);
  std::vector<std::uint64_t> large;
  for (const std::uint32_t index : entries.byId()) {
    const std::uint64_t offset = entries[index].offset;
    if (offset < kLarge) {
      out.number32(static_cast<std::uint32_t>(offset));
    } else {
      out.number32(static_cast<std::uint32_t>(kLarge | large.size()));
      large.push_back(offset);
    }
  }
  for (const std::uint64_t offset : large)
    out.number64(offset);
  out.bytes(packHash.bytes());
  out.finish();
}

}  // namespace git::detail
