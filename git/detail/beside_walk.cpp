#include "git/detail/beside_walk.h"

#include <algorithm>
#include <array>

#include "git/detail/tree_reader.h"

namespace git::detail {
namespace {

constexpr std::uint64_t kMaxText = 64u << 20;
constexpr std::uint64_t kMaxTree = 256u << 20;
constexpr std::uint64_t kReadsForEach = 4;
constexpr std::uint64_t kReadsAnyway = 1000;
constexpr std::uint64_t kLookEvery = 64;

}  // namespace

BesideWalk::BesideWalk(const Parts& parts, std::uint64_t objects)
    : parts_(parts),
      maxReads_(objects * kReadsForEach + kReadsAnyway),
      compared_(idSize(parts.existing.format()), randomTableKey()),
      gone_(idSize(parts.existing.format()), randomTableKey()) {}

void BesideWalk::run(const std::vector<ObjectId>& commits) {
  for (const ObjectId& commit : commits) {
    if (done()) return;
    const auto text = readCommit(parts_.fresh, commit);
    if (!text || !parts_.brings(text->tree)) continue;
    std::vector<OldTree> olds;
    for (const ObjectId& parent : text->parents) {
      if (auto tree = treeOfParent(parent)) olds.push_back(*tree);
    }
    compare(text->tree, std::move(olds));
  }
  searchGone();
}

std::optional<CommitText> BesideWalk::readCommit(const ObjectDatabase& from, const ObjectId& id) const {
  const auto object = from.read(id, kMaxText);
  if (!object || object->type != ObjectType::commit) return std::nullopt;
  return parseCommitText(from.format(), object->data);
}

std::optional<BesideWalk::OldTree> BesideWalk::treeOfParent(const ObjectId& parent) {
  if (parts_.brings(parent)) {
    const auto text = readCommit(parts_.fresh, parent);
    return text ? asOld({parent, true}, text->tree.data()) : std::nullopt;
  }
  if (!parts_.wanted.isFound(parent)) return std::nullopt;
  const auto text = readCommit(parts_.existing, parent);
  if (!text) return std::nullopt;
  parts_.wanted.found(text->tree.data(), ObjectType::tree);
  return OldTree{text->tree, false};
}

std::optional<BesideWalk::OldTree> BesideWalk::asOld(const OldTree& within, const std::uint8_t* id) const {
  const ObjectId tree(format(), id);
  // All that one can read leads to what one can read.
  if (!within.isNew) return OldTree{tree, false};
  if (parts_.brings(tree)) return OldTree{tree, true};
  if (parts_.wanted.isFound(tree)) return OldTree{tree, false};
  return std::nullopt;
}

BesideWalk::Tree BesideWalk::readTree(const ObjectId& id, bool isNew) {
  if (++reads_ % kLookEvery == 0) parts_.watch();
  auto tree = (isNew ? parts_.fresh : parts_.existing).read(id, kMaxTree);
  return tree && tree->type == ObjectType::tree ? tree : nullptr;
}

std::vector<BesideWalk::Folder> BesideWalk::foldersOf(const Object& tree) const {
  std::vector<Folder> folders;
  TreeReader reader(format(), tree.data);
  while (const auto entry = reader.next()) {
    if (entry->isFolder()) folders.push_back({entry->name, entry->id});
  }
  std::sort(folders.begin(), folders.end(), [](const Folder& a, const Folder& b) { return a.name < b.name; });
  return folders;
}

/// Whether the pair was not met before. Two pairs taken for one cost a longer walk and nothing else.
bool BesideWalk::isFirst(const ObjectId& tree, const OldTree& old) {
  std::array<std::uint8_t, 32> mixed{};
  for (std::size_t at = 0; at < tree.size(); ++at)
    mixed[at] = static_cast<std::uint8_t>(tree.data()[at] ^ old.id.data()[(at + 7) % tree.size()]);
  return compared_.insert(mixed.data()).second;
}

void BesideWalk::tellAll(const Object& tree) {
  TreeReader reader(format(), tree.data);
  while (const auto entry = reader.next()) {
    if (!entry->isGitlink())
      parts_.wanted.found(entry->id, entry->isFolder() ? ObjectType::tree : ObjectType::blob);
  }
}

void BesideWalk::compare(const ObjectId& tree, std::vector<OldTree> olds) {
  std::vector<Visit> pending;
  pending.push_back({tree, std::move(olds)});
  while (!pending.empty() && !done()) {
    Visit visit = std::move(pending.back());
    pending.pop_back();
    std::erase_if(visit.olds,
                  [&](const OldTree& old) { return old.id == visit.tree || !isFirst(visit.tree, old); });
    if (!visit.olds.empty()) compareFolders(visit, pending);
  }
}

void BesideWalk::compareFolders(const Visit& visit, std::vector<Visit>& pending) {
  const Tree tree = readTree(visit.tree, true);
  if (!tree) return;
  const std::vector<Folder> folders = foldersOf(*tree);
  std::vector<std::vector<OldTree>> below(folders.size());
  for (const OldTree& old : visit.olds) {
    const Tree before = readTree(old.id, old.isNew);
    if (!before) continue;
    if (!old.isNew) tellAll(*before);
    for (const Folder& folder : foldersOf(*before)) {
      const auto next = asOld(old, folder.id);
      if (!next) continue;
      const auto same = std::lower_bound(folders.begin(), folders.end(), folder,
                                         [](const Folder& a, const Folder& b) { return a.name < b.name; });
      const bool stays = same != folders.end() && same->name == folder.name;
      const ObjectId now = stays ? ObjectId(format(), same->id) : ObjectId();
      if (stays && now == next->id) continue;
      if (stays && parts_.brings(now)) {
        below[static_cast<std::size_t>(same - folders.begin())].push_back(*next);
      } else if (!next->isNew && gone_.size() < maxReads_) {
        gone_.insert(next->id.data());
      }
    }
  }
  for (std::size_t at = 0; at < folders.size(); ++at) {
    if (!below[at].empty()) pending.push_back({ObjectId(format(), folders[at].id), std::move(below[at])});
  }
}

void BesideWalk::searchGone() {
  for (std::uint32_t number = 0; number < gone_.size() && !done(); ++number) {
    const Tree tree = readTree(ObjectId(format(), gone_.id(number)), false);
    if (!tree) continue;
    tellAll(*tree);
    for (const Folder& folder : foldersOf(*tree))
      gone_.insert(folder.id);
  }
}

}  // namespace git::detail
