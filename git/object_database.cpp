#include "git/object_database.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/detail/delta.h"
#include "git/detail/loose_objects.h"
#include "git/detail/object_cache.h"
#include "git/detail/pack_file.h"

namespace git {

namespace fs = std::filesystem;
using detail::PackEntry;
using detail::PackFile;

namespace {

constexpr unsigned kMaxAlternateDepth = 5;
constexpr std::size_t kMaxChain = 10'000;
// Bases may be larger than what is made of them.
constexpr std::uint64_t kMaxBaseBytes = 1ull << 30;

[[noreturn]] void throwTooLarge(const ObjectId& id) {
  throw base::Error(base::Errc::invalidArgument, "object " + id.hex() + " is too large to be read");
}

/// nullptr when the result would be larger than maxBytes.
std::shared_ptr<const Object> applyTo(const Object& base, std::string_view delta, std::uint64_t maxBytes) {
  const auto head = detail::parseDeltaHead(delta);
  // Each byte of a delta copies less than 16 MiB: a size that cannot be reached is not worth its memory.
  if (!head || head->resultSize >> 24 > delta.size())
    throw base::Error(base::Errc::corrupt, "a pack is damaged: restore it from a backup or another clone");
  if (head->resultSize > maxBytes) return nullptr;
  auto made = std::make_shared<Object>(Object{base.type, std::string(head->resultSize, '\0')});
  if (!detail::applyDelta(base.data, delta, made->data.data()))
    throw base::Error(base::Errc::corrupt, "a pack is damaged: restore it from a backup or another clone");
  return made;
}

std::int64_t changeTime(const fs::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return -1;
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

struct detail::ObjectFolder {
  explicit ObjectFolder(const fs::path& where) : path(where), loose(where) {}
  fs::path path;
  LooseObjects loose;
};

PackSnapshot::PackSnapshot(std::vector<std::shared_ptr<const PackFile>> packs)
    : packs_(std::move(packs)), firstNumbers_{0} {
  std::uint64_t count = 0;
  for (const auto& pack : packs_) {
    count += pack->count();
    if (count > 0xfffffff0u)
      throw base::Error(base::Errc::overloaded, "the repository has more objects than can be served");
    firstNumbers_.push_back(static_cast<std::uint32_t>(count));
  }
}

std::optional<PackSnapshot::Place> PackSnapshot::find(const ObjectId& id) const noexcept {
  for (std::size_t each = 0; each < packs_.size(); ++each) {
    if (const auto position = packs_[each]->index().find(id))
      return Place{packs_[each].get(), *position, firstNumbers_[each] + *position};
  }
  return std::nullopt;
}

PackSnapshot::Place PackSnapshot::at(std::uint32_t number) const noexcept {
  const auto next = std::upper_bound(firstNumbers_.begin(), firstNumbers_.end(), number);
  const auto each = static_cast<std::size_t>(next - firstNumbers_.begin()) - 1;
  return {packs_[each].get(), number - firstNumbers_[each], number};
}

ObjectId PackSnapshot::idAt(std::uint32_t number) const noexcept {
  const Place place = at(number);
  return place.pack->index().idAt(place.position);
}

ObjectDatabase::ObjectDatabase(DatabaseOptions options)
    : options_(std::move(options)), cache_(std::make_unique<detail::ObjectCache>(options_.cacheBytes)) {
  if (!options_.quarantine.empty()) addFolder(options_.quarantine, kMaxAlternateDepth);
  if (!fs::is_directory(options_.objects))
    throw base::Error(base::Errc::notFound, "the repository has no objects folder");
  addFolder(options_.objects, 0);
  snapshot_ = listPacks();
}

ObjectDatabase::~ObjectDatabase() = default;

void ObjectDatabase::addFolder(const fs::path& folder, unsigned depth) {
  std::error_code ignored;
  const fs::path path = fs::weakly_canonical(folder, ignored);
  const bool known =
      std::any_of(folders_.begin(), folders_.end(), [&](const auto& other) { return other->path == path; });
  if (known || !fs::is_directory(path, ignored)) return;
  folders_.push_back(std::make_unique<detail::ObjectFolder>(path));
  const fs::path list = path / "info" / "alternates";
  if (depth >= kMaxAlternateDepth || !fs::exists(list, ignored)) return;
  for (const std::string& line : base::split(base::readFile(list), '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    addFolder(fs::path(line).is_absolute() ? fs::path(line) : path / line, depth + 1);
  }
}

std::shared_ptr<const PackSnapshot> ObjectDatabase::listPacks() const {
  std::map<std::string, std::shared_ptr<const PackFile>> known;
  if (snapshot_) {
    for (const auto& pack : snapshot_->packs())
      known.emplace(pack->name(), pack);
  }
  std::vector<std::shared_ptr<const PackFile>> packs;
  changedNs_.clear();
  for (const auto& folder : folders_) {
    const fs::path packFolder = folder->path / "pack";
    changedNs_.push_back(changeTime(packFolder));
    std::error_code failure;
    std::vector<std::shared_ptr<const PackFile>> found;
    for (const auto& entry : fs::directory_iterator(packFolder, failure)) {
      if (entry.path().extension() != ".idx") continue;
      const auto before = known.find(entry.path().stem().string());
      if (before != known.end()) {
        found.push_back(before->second);
        continue;
      }
      try {
        found.push_back(std::make_shared<PackFile>(entry.path(), options_.format));
      } catch (const base::Error& error) {
        // Removed while we looked: what it held is in another pack by now.
        if (error.code() != base::Errc::notFound) throw;
      }
    }
    // The largest first: it has what is asked for most often.
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
      return a->count() != b->count() ? a->count() > b->count() : a->name() < b->name();
    });
    packs.insert(packs.end(), found.begin(), found.end());
  }
  return std::make_shared<PackSnapshot>(std::move(packs));
}

std::shared_ptr<const PackSnapshot> ObjectDatabase::packs() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void ObjectDatabase::refresh() const {
  const std::lock_guard lock(mutex_);
  snapshot_ = listPacks();
}

bool ObjectDatabase::refreshIfChanged() const {
  {
    const std::lock_guard lock(mutex_);
    bool changed = false;
    for (std::size_t each = 0; each < folders_.size(); ++each)
      changed = changed || changeTime(folders_[each]->path / "pack") != changedNs_[each];
    if (!changed) return false;
  }
  refresh();
  return true;
}

bool ObjectDatabase::contains(const ObjectId& id) const {
  if (packs()->find(id)) return true;
  return std::any_of(folders_.begin(), folders_.end(),
                     [&](const auto& folder) { return folder->loose.contains(id); });
}

/// From the wanted object down to a base that is whole or cached.
struct ObjectDatabase::Chain {
  std::shared_ptr<const Object> base;
  std::vector<PackEntry> deltas;  // the wanted one first
};

ObjectDatabase::Chain ObjectDatabase::followDeltas(const PackSnapshot::Place& place, std::uint64_t offset,
                                                   std::uint64_t maxBytes) const {
  Chain chain;
  while (true) {
    chain.base = cache_->find({place.pack->serial(), offset});
    if (chain.base) return chain;
    const PackEntry entry = place.pack->view().entryAt(offset);
    if (entry.kind == PackEntry::Kind::whole) {
      const std::uint64_t limit = chain.deltas.empty() ? maxBytes : std::max(maxBytes, kMaxBaseBytes);
      if (entry.size > limit) throwTooLarge(place.pack->index().idAt(place.position));
      chain.base = std::make_shared<const Object>(Object{entry.type, place.pack->view().inflate(entry)});
      if (!chain.deltas.empty() || entry.type == ObjectType::tree)
        cache_->add({place.pack->serial(), offset}, chain.base);
      return chain;
    }
    if (chain.deltas.size() == kMaxChain)
      throw base::Error(base::Errc::corrupt, "a pack is damaged: its deltas lead nowhere");
    chain.deltas.push_back(entry);
    if (entry.kind == PackEntry::Kind::offsetDelta) {
      offset = entry.baseOffset;
    } else {
      const auto position = place.pack->index().find(entry.baseId);
      if (!position) throw base::Error(base::Errc::corrupt, "a pack is damaged: it lacks a base");
      offset = place.pack->index().offsetAt(*position);
    }
  }
}

std::shared_ptr<const Object> ObjectDatabase::read(const PackSnapshot::Place& place,
                                                   std::uint64_t maxBytes) const {
  const detail::PackView& view = place.pack->view();
  const std::uint64_t offset = place.pack->index().offsetAt(place.position);
  Chain chain = followDeltas(place, offset, maxBytes);
  std::shared_ptr<const Object> object = std::move(chain.base);
  for (auto delta = chain.deltas.rbegin(); delta != chain.deltas.rend(); ++delta) {
    const std::string bytes = view.inflate(*delta);
    const bool last = std::next(delta) == chain.deltas.rend();
    const std::uint64_t limit = last ? maxBytes : std::max(maxBytes, kMaxBaseBytes);
    auto made = applyTo(*object, bytes, limit);
    if (!made) throwTooLarge(place.pack->index().idAt(place.position));
    object = std::move(made);
    if (!last || object->type == ObjectType::tree) cache_->add({place.pack->serial(), delta->offset}, object);
  }
  if (object->data.size() > maxBytes) throwTooLarge(place.pack->index().idAt(place.position));
  return object;
}

ObjectHeader ObjectDatabase::header(const PackSnapshot::Place& place) const {
  const detail::PackView& view = place.pack->view();
  PackEntry entry = place.pack->entry(place.position);
  if (entry.kind == PackEntry::Kind::whole) return {entry.type, entry.size};
  ObjectHeader header{ObjectType::blob, view.deltaResultSize(entry)};
  for (std::size_t steps = 0; entry.kind != PackEntry::Kind::whole; ++steps) {
    if (steps == kMaxChain)
      throw base::Error(base::Errc::corrupt, "a pack is damaged: its deltas lead nowhere");
    if (entry.kind == PackEntry::Kind::offsetDelta) {
      entry = view.entryAt(entry.baseOffset);
    } else {
      const auto position = place.pack->index().find(entry.baseId);
      if (!position) throw base::Error(base::Errc::corrupt, "a pack is damaged: it lacks a base");
      entry = place.pack->entry(*position);
    }
  }
  header.type = entry.type;
  return header;
}

std::optional<ObjectHeader> ObjectDatabase::findHeader(const ObjectId& id) const {
  do {
    const auto snapshot = packs();
    if (const auto place = snapshot->find(id)) return header(*place);
    for (const auto& folder : folders_) {
      if (auto found = folder->loose.findHeader(id)) return found;
    }
  } while (refreshIfChanged());
  return std::nullopt;
}

std::shared_ptr<const Object> ObjectDatabase::read(const ObjectId& id, std::uint64_t maxBytes) const {
  do {
    const auto snapshot = packs();
    if (const auto place = snapshot->find(id)) return read(*place, maxBytes);
    for (const auto& folder : folders_) {
      if (auto found = folder->loose.find(id, maxBytes))
        return std::make_shared<const Object>(std::move(*found));
    }
  } while (refreshIfChanged());
  return nullptr;
}

std::optional<Object> ObjectDatabase::find(const ObjectId& id, std::uint64_t maxBytes) const {
  auto object = read(id, maxBytes);
  if (!object) return std::nullopt;
  return *object;
}

bool ObjectDatabase::copyLoose(const ObjectId& id, base::ByteSink& out) const {
  for (const auto& folder : folders_) {
    if (!folder->loose.contains(id)) continue;
    folder->loose.copyTo(id, out);
    return true;
  }
  return false;
}

}  // namespace git
