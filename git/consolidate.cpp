#include "git/consolidate.h"

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "git/detail/entry_header.h"
#include "git/detail/hash_object.h"
#include "git/detail/idx_writer.h"
#include "git/detail/incoming_entries.h"
#include "git/detail/incoming_file.h"
#include "git/detail/pack_file.h"
#include "git/verify_pack.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using detail::PackEntry;
using detail::PackFile;

/// Sizes within a factor of four.
unsigned sizeClass(std::uint64_t bytes) {
  unsigned found = 0;
  while (bytes >>= 2)
    ++found;
  return found;
}

bool isMarked(fs::path index) {
  std::error_code ignored;
  return fs::exists(index.replace_extension(".keep"), ignored) ||
         fs::exists(index.replace_extension(".promisor"), ignored);
}

/// The indexes of the packs to join, oldest first; empty when no class is full.
std::vector<fs::path> choosePacks(const fs::path& folder, std::size_t packsPerClass) {
  std::map<unsigned, std::vector<std::pair<fs::file_time_type, fs::path>>> classes;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".idx" || isMarked(entry.path())) continue;
    fs::path pack = entry.path();
    pack.replace_extension(".pack");
    const std::uint64_t bytes = fs::file_size(pack, ignored);
    if (ignored) continue;
    classes[sizeClass(bytes)].emplace_back(entry.last_write_time(ignored), entry.path());
  }
  for (auto& [size, packs] : classes) {
    if (packs.size() < packsPerClass) continue;
    std::sort(packs.begin(), packs.end());
    std::vector<fs::path> chosen;
    for (auto& pack : packs)
      chosen.push_back(std::move(pack.second));
    return chosen;
  }
  return {};
}

/// What a killed process left while it wrote a pack here.
void sweepUnfinished(const fs::path& folder) {
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with("tmp_pack_") && entry.last_write_time(ignored) < old)
      left.push_back(entry.path());
  }
  for (const fs::path& file : left)
    fs::remove(file, ignored);
}

/// Lays entries of other packs one after another into a new one.
class JoinedPack {
 public:
  JoinedPack(const fs::path& folder, ObjectFormat format)
      : folder_(folder), file_(folder), entries_(format) {}

  void add(const PackFile& pack, const std::stop_token& stop) {
    checkSum(pack);
    const auto order = pack.byOffset();
    for (std::size_t at = 0; at < order.size(); ++at) {
      if (stop.stop_requested()) throw base::Error(base::Errc::cancelled, "joining packs was stopped");
      const std::uint64_t end =
          at + 1 < order.size() ? pack.index().offsetAt(order[at + 1]) : pack.view().content().size();
      addEntry(pack, order[at], end);
    }
  }

  Consolidated finish() {
    flush();
    std::string header("PACK\0\0\0\2", 8);
    for (const int shift : {24, 16, 8, 0})
      header.push_back(static_cast<char>(entries_.size() >> shift));
    file_.writeAt(0, header);
    const ObjectId hash = detail::hashFile(file_, file_.size(), entries_.format());
    file_.append(hash.bytes());
    entries_.sortById();
    detail::IncomingFile index(folder_);
    detail::writeIndex(entries_, hash, index);
    const std::string name = "pack-" + hash.hex();
    const std::uint64_t bytes = file_.size();
    file_.publish(name + ".pack");
    fs::path published = index.publish(name + ".idx");
    base::fsyncFolder(folder_);
    return {.superseded = {}, .index = std::move(published), .objects = entries_.size(), .bytes = bytes};
  }

 private:
  /// A damaged pack must not get a checksum that says it is whole.
  void checkSum(const PackFile& pack) {
    detail::PackHasher hasher(entries_.format());
    hasher.update(pack.view().content());
    if (hasher.current().bytes() != pack.view().trailer())
      throw base::Error(base::Errc::corrupt,
                        pack.name() + " is damaged: run git fsck, and push again what it names");
  }

  void addEntry(const PackFile& pack, std::uint32_t position, std::uint64_t end) {
    const ObjectId id = pack.index().idAt(position);
    const std::uint64_t offset = file_.size() + buffer_.size();
    // The same object may have come with several pushes.
    if (!offsets_.emplace(id, offset).second) return;
    const PackEntry entry = pack.entry(position);
    const std::size_t begin = buffer_.size();
    if (entry.kind == PackEntry::Kind::offsetDelta) {
      const auto base = pack.positionAt(entry.baseOffset);
      if (!base) throw base::Error(base::Errc::corrupt, "a pack has a delta to nothing: run git fsck");
      // It lies before: in its own pack bases do, and what was left out had come with an earlier one.
      detail::appendEntryHeader(buffer_, detail::kOffsetDelta, entry.size);
      detail::appendBaseDistance(buffer_, offset - offsets_.at(pack.index().idAt(*base)));
      append(pack, entry.dataOffset, end);
    } else {
      append(pack, entry.offset, end);
    }
    const auto* bytes = reinterpret_cast<const Bytef*>(buffer_.data() + begin);
    detail::IncomingEntry added;
    added.offset = offset;
    added.crc = static_cast<std::uint32_t>(::crc32_z(0, bytes, buffer_.size() - begin));
    entries_.resolve(entries_.add(added), ObjectType::blob, id);
    if (buffer_.size() >= kBuffered) flush();
  }

  void append(const PackFile& pack, std::uint64_t begin, std::uint64_t end) {
    buffer_.append(pack.view().content().substr(begin, end - begin));
  }

  void flush() {
    file_.append(buffer_);
    buffer_.clear();
  }

  static constexpr std::size_t kBuffered = 256u << 10;
  const fs::path folder_;
  detail::IncomingFile file_;
  detail::IncomingEntries entries_;
  std::unordered_map<ObjectId, std::uint64_t> offsets_;
  std::string buffer_ = std::string(12, '\0');  // the header, once the count is known
};

void removePack(fs::path index) {
  std::error_code ignored;
  for (const char* extension : {".idx", ".rev", ".bitmap", ".mtimes", ".pack"}) {
    index.replace_extension(extension);
    fs::remove(index, ignored);
  }
}

/// What we wrote is what the originals are removed for.
void verify(const Consolidated& joined, ObjectFormat format, const ConsolidateOptions& options) {
  if (format != ObjectFormat::sha1) return;  // nobody else here reads it
  try {
    const std::uint64_t seen = verifyPack(joined.index, options.stop);
    if (seen != joined.objects)
      throw base::Error(base::Errc::corrupt, "a joined pack has " + std::to_string(seen) + " objects, not " +
                                                 std::to_string(joined.objects));
  } catch (...) {
    removePack(joined.index);
    throw;
  }
}

}  // namespace

Consolidated consolidatePacks(const Repository& repository, const ConsolidateOptions& options) {
  const fs::path folder = repository.objects() / "pack";
  if (options.packsPerClass < 2) return {};
  sweepUnfinished(folder);
  std::vector<fs::path> chosen = choosePacks(folder, options.packsPerClass);
  if (chosen.empty()) return {};
  JoinedPack joined(folder, repository.format);
  for (const fs::path& index : chosen)
    joined.add(PackFile(index, repository.format), options.stop);
  Consolidated result = joined.finish();
  // The same objects in the same order were joined before, and what was superseded then is still there.
  const bool joinedBefore =
      std::erase_if(chosen, [&](const fs::path& index) { return index == result.index; }) > 0;
  if (!joinedBefore) verify(result, repository.format, options);
  result.superseded = std::move(chosen);
  return result;
}

void removeSuperseded(const Consolidated& done) {
  std::error_code ignored;
  if (!fs::exists(done.index, ignored)) return;
  for (const fs::path& index : done.superseded)
    removePack(index);
}

}  // namespace git
