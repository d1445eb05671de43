#include "git/detail/pack_writer.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <string>

#include "base/c_handle.h"
#include "base/error.h"
#include "git/detail/entry_header.h"
#include "git/detail/hash_object.h"
#include "git/detail/pack_file.h"

namespace git::detail {
namespace {

using Compressor = base::CHandle<libdeflate_compressor, &libdeflate_free_compressor>;

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kPiece = 1u << 20;
constexpr std::uint64_t kMaxObject = 4ull << 30;
// Larger loose objects are deflated in pieces.
constexpr std::uint64_t kWholeLoose = 4u << 20;
constexpr int kLevel = 1;  // a clone should not wait for a few per cent

/// Where the parts of a stored pack came to lie in what we send.
class Placement {
 public:
  void add(std::uint64_t stored, std::uint64_t sent) {
    const std::int64_t shift = static_cast<std::int64_t>(sent) - static_cast<std::int64_t>(stored);
    if (runs_.empty() || runs_.back().shift != shift) runs_.push_back({stored, shift});
  }
  /// Of an entry that was sent.
  std::uint64_t sentAt(std::uint64_t stored) const {
    auto next = std::upper_bound(runs_.begin(), runs_.end(), stored,
                                 [](std::uint64_t offset, const Run& run) { return offset < run.stored; });
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(stored) + (--next)->shift);
  }

 private:
  struct Run {
    std::uint64_t stored;
    std::int64_t shift;
  };
  std::vector<Run> runs_;  // in the order of stored
};

/// Deflates what it is given, in pieces.
class DeflateSink : public base::ByteSink {
 public:
  explicit DeflateSink(base::ByteSink& out) : out_(out), buffer_(64u << 10, '\0') {
    if (::deflateInit(&stream_, kLevel) != Z_OK) throw base::Error(base::Errc::overloaded, "out of memory");
  }
  ~DeflateSink() override { ::deflateEnd(&stream_); }
  DeflateSink(const DeflateSink&) = delete;
  DeflateSink& operator=(const DeflateSink&) = delete;
  void write(std::string_view bytes) override { pump(bytes, Z_NO_FLUSH); }
  void finish() { pump({}, Z_FINISH); }

 private:
  void pump(std::string_view bytes, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      ::deflate(&stream_, flush);
      out_.write(std::string_view(buffer_).substr(0, buffer_.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
  }

  base::ByteSink& out_;
  std::string buffer_;
  z_stream stream_{};
};

class PackWriter : private base::ByteSink {
 public:
  PackWriter(const ObjectDatabase& objects, const PackPlan& plan, const PackStyle& style, base::ByteSink& out)
      : objects_(objects), plan_(plan), style_(style), out_(out), hash_(objects.format()) {}

  PackStats run(const std::stop_token& stop) {
    stop_ = stop;
    stats_.objects = plan_.selected.size();
    if (copyWholePack()) return stats_;
    if (stats_.objects > 0xffffffffu)
      throw base::Error(base::Errc::overloaded, "more objects were asked for than one pack can hold");
    writeHeader();
    const PackSnapshot& snapshot = plan_.selected.snapshot();
    for (std::size_t each = 0; each < snapshot.packs().size(); ++each)
      writePacked(each);
    for (const ObjectId& id : plan_.selected.others())
      writeLoose(id);
    flush();
    out_.write(hash_.current().bytes());
    return stats_;
  }

 private:
  void write(std::string_view bytes) override {
    if (buffer_.size() + bytes.size() > kPiece) flush();
    sent_ += bytes.size();
    if (bytes.size() < kPiece) {
      buffer_.append(bytes);
      return;
    }
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kPiece)))
      emit(bytes.substr(0, kPiece));
  }

  void flush() {
    emit(buffer_);
    buffer_.clear();
  }

  void emit(std::string_view bytes) {
    if (bytes.empty()) return;
    if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
    hash_.update(bytes);
    out_.write(bytes);
  }

  void writeHeader() {
    std::string header = "PACK";
    const auto count = static_cast<std::uint32_t>(stats_.objects);
    for (const std::uint32_t number : {std::uint32_t{2}, count}) {
      for (int shift = 24; shift >= 0; shift -= 8)
        header.push_back(static_cast<char>(number >> shift & 255));
    }
    write(header);
  }

  /// When what is wanted is exactly one of our packs, that is the answer, hash and all.
  bool copyWholePack() {
    const PackSnapshot& snapshot = plan_.selected.snapshot();
    if (!style_.offsetDeltas || !plan_.selected.others().empty() || stats_.objects == 0) return false;
    for (std::size_t each = 0; each < snapshot.packs().size(); ++each) {
      const PackFile& pack = *snapshot.packs()[each];
      const std::uint32_t first = snapshot.firstNumber(each);
      if (pack.count() != stats_.objects ||
          plan_.selected.packed().count(first, first + pack.count()) != pack.count())
        continue;
      if (pack.view().content().substr(4, 4) != std::string_view("\0\0\0\2", 4)) return false;
      stats_.bytes = pack.view().content().size() + pack.view().trailer().size();
      stats_.reused = stats_.objects;
      for (std::string_view rest = pack.view().content(); !rest.empty();
           rest.remove_prefix(std::min(rest.size(), kPiece))) {
        if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
        out_.write(rest.substr(0, kPiece));
      }
      out_.write(pack.view().trailer());
      return true;
    }
    return false;
  }

  void writePacked(std::size_t each) {
    const PackSnapshot& snapshot = plan_.selected.snapshot();
    const PackFile& pack = *snapshot.packs()[each];
    const std::uint32_t first = snapshot.firstNumber(each);
    if (plan_.selected.packed().count(first, first + pack.count()) == 0) return;
    Placement placement;
    const auto order = pack.byOffset();
    const std::uint64_t end = pack.view().content().size();
    std::uint64_t offset = order.empty() ? 0 : pack.index().offsetAt(order.front());
    for (std::size_t at = 0; at < order.size(); ++at) {
      const std::uint64_t next = at + 1 < order.size() ? pack.index().offsetAt(order[at + 1]) : end;
      if (plan_.selected.hasNumber(first + order[at]))
        writeEntry({&pack, order[at], first + order[at]}, pack.view().entryAt(offset), next, placement);
      offset = next;
    }
  }

  void writeEntry(const PackSnapshot::Place& place, const PackEntry& entry, std::uint64_t end,
                  Placement& placement) {
    const std::string_view content = place.pack->view().content();
    if (end <= entry.dataOffset || end > content.size())
      throw base::Error(base::Errc::corrupt,
                        "a pack and its index do not belong together: run git index-pack");
    const std::uint64_t start = sent_;
    if (entry.kind == PackEntry::Kind::whole) {
      write(content.substr(entry.offset, end - entry.offset));
      ++stats_.reused;
    } else if (!reuseDelta(place, entry, content.substr(entry.dataOffset, end - entry.dataOffset),
                           placement)) {
      writeObject(*objects_.read(place, kMaxObject));
    }
    placement.add(entry.offset, start);
  }

  /// False when the client could not apply it.
  bool reuseDelta(const PackSnapshot::Place& place, const PackEntry& entry, std::string_view deflated,
                  const Placement& placement) {
    const PackFile& pack = *place.pack;
    const bool byOffset = entry.kind == PackEntry::Kind::offsetDelta;
    const auto position = byOffset ? pack.positionAt(entry.baseOffset) : pack.index().find(entry.baseId);
    if (!position) throw base::Error(base::Errc::corrupt, "a pack is damaged: it lacks a base");
    const std::uint64_t baseOffset = pack.index().offsetAt(*position);
    const std::uint32_t baseNumber = place.number - place.position + *position;
    const bool sent = plan_.selected.hasNumber(baseNumber);
    // The base may be told elsewhere as a delta of this one; only inside one pack are there no circles.
    if (!sent && !(style_.thin && plan_.atClient.hasNumber(baseNumber))) return false;
    std::string header;
    if (sent && style_.offsetDeltas && baseOffset < entry.offset) {
      appendEntryHeader(header, kOffsetDelta, entry.size);
      appendBaseDistance(header, sent_ - placement.sentAt(baseOffset));
    } else {
      appendEntryHeader(header, kIdDelta, entry.size);
      header.append(pack.index().idAt(*position).bytes());
    }
    write(header);
    write(deflated);
    ++stats_.deltas;
    ++stats_.reused;
    return true;
  }

  void writeObject(const Object& object) {
    std::string header;
    appendEntryHeader(header, static_cast<unsigned>(object.type), object.data.size());
    write(header);
    writeDeflated(object.data);
  }

  void writeDeflated(std::string_view data) {
    if (!compressor_) compressor_.reset(libdeflate_alloc_compressor(kLevel));
    if (!compressor_) throw base::Error(base::Errc::overloaded, "out of memory");
    deflated_.resize(libdeflate_zlib_compress_bound(compressor_.get(), data.size()));
    const std::size_t size = libdeflate_zlib_compress(compressor_.get(), data.data(), data.size(),
                                                      deflated_.data(), deflated_.size());
    write(std::string_view(deflated_).substr(0, size));
  }

  void writeLoose(const ObjectId& id) {
    const auto header = objects_.findHeader(id);
    if (!header)
      throw base::Error(base::Errc::corrupt,
                        "object " + id.hex() + " is missing: restore it from a backup or another clone");
    if (header->size <= kWholeLoose) return writeObject(*objects_.read(id, kMaxObject));
    std::string head;
    appendEntryHeader(head, static_cast<unsigned>(header->type), header->size);
    write(head);
    DeflateSink deflate(*this);
    if (objects_.copyLoose(id, deflate)) return deflate.finish();
    // It has moved into a pack just now.
    writeDeflated(objects_.read(id, kMaxObject)->data);
  }

  const ObjectDatabase& objects_;
  const PackPlan& plan_;
  const PackStyle& style_;
  base::ByteSink& out_;
  std::stop_token stop_;
  PackHasher hash_;
  std::string buffer_;
  std::uint64_t sent_ = 0;  // bytes, those in the buffer included
  PackStats stats_;
  Compressor compressor_;
  std::string deflated_;
};

}  // namespace

PackStats writePack(const ObjectDatabase& objects, const PackPlan& plan, const PackStyle& style,
                    base::ByteSink& out, const std::stop_token& stop) {
  return PackWriter(objects, plan, style, out).run(stop);
}

}  // namespace git::detail
