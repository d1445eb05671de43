#include "git/detail/entry_reader.h"

#include <algorithm>

#include "base/error.h"

namespace git::detail {
namespace {

constexpr std::size_t kPooledRoom = 1u << 20;
constexpr std::size_t kPooledBuffers = 8;
// Larger entries are read from the file in pieces.
constexpr std::uint64_t kWholeBytes = 1u << 20;
constexpr std::size_t kPieceBytes = 64u << 10;

[[noreturn]] void changed() {
  throw base::Error(base::Errc::corrupt, "the pack changed while it was read");
}

}  // namespace

Buffer BufferPool::take(std::size_t size) {
  Buffer buffer;
  if (!free_.empty()) {
    buffer = std::move(free_.back());
    free_.pop_back();
  }
  if (buffer.room < size) {
    buffer.room = size < kPooledRoom ? size + size / 4 + 64 : size;
    buffer.bytes = std::make_unique_for_overwrite<char[]>(buffer.room);
  }
  buffer.size = size;
  return buffer;
}

void BufferPool::give(Buffer buffer) {
  if (buffer.room > 0 && buffer.room <= 2 * kPooledRoom && free_.size() < kPooledBuffers)
    free_.push_back(std::move(buffer));
}

Buffer EntryReader::read(std::uint32_t entry) {
  const std::uint64_t start = entries_[entry].offset;
  const std::uint64_t end = entry + 1 < entries_.size() ? entries_[entry + 1].offset : dataEnd_;
  const auto size = static_cast<std::size_t>(std::min(end - start, kWholeBytes));
  if (packed_.room < size) {
    pool_.give(std::move(packed_));
    packed_ = pool_.take(size);
  }
  packed_.size = size;
  file_.readAt(start, packed_.bytes.get(), size);
  const Head head = parseHead(entries_[entry].stored, packed_.view());
  Buffer plain = pool_.take(head.plainSize);
  const bool whole = end - start <= kWholeBytes &&
                     whole_.inflate(packed_.view().substr(head.bytes), plain.bytes.get(), plain.size);
  if (!whole) inflateInPieces(start + head.bytes, end, plain);
  return plain;
}

EntryReader::Head EntryReader::parseHead(StoredType stored, std::string_view packed) const {
  Head head;
  unsigned shift = 4;
  const auto next = [&] {
    if (head.bytes == packed.size()) changed();
    return static_cast<unsigned char>(packed[head.bytes++]);
  };
  unsigned byte = next();
  if (byte >> 4 != (static_cast<unsigned>(stored) | (byte & 0x80u) >> 4)) changed();
  head.plainSize = byte & 15u;
  for (; (byte & 0x80u) != 0; shift += 7) {
    byte = next();
    head.plainSize |= std::uint64_t{byte & 0x7fu} << shift;
  }
  if (stored == StoredType::refDelta) head.bytes += idSize(entries_.format());
  if (stored == StoredType::offsetDelta) {
    while ((next() & 0x80u) != 0) {
    }
  }
  if (head.bytes > packed.size()) changed();
  return head;
}

void EntryReader::inflateInPieces(std::uint64_t offset, std::uint64_t end, Buffer& out) {
  std::string piece(kPieceBytes, '\0');
  std::size_t held = 0;
  std::size_t made = 0;
  stream_.restart();
  while (true) {
    const auto more = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size() - held, end - offset));
    file_.readAt(offset, piece.data() + held, more);
    offset += more;
    held += more;
    const auto step =
        stream_.inflate(std::string_view(piece).substr(0, held), out.bytes.get() + made, out.size - made);
    made += step.made;
    if (step.ended) break;
    if (step.taken == 0 && step.made == 0) changed();
    held -= step.taken;
    std::copy_n(piece.data() + step.taken, held, piece.data());
  }
  if (made != out.size) changed();
}

}  // namespace git::detail
