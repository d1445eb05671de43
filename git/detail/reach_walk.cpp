#include "git/detail/reach_walk.h"

#include <algorithm>

#include "git/detail/tree_reader.h"

namespace git::detail {
namespace {

constexpr std::uint64_t kMaxText = 64u << 20;
constexpr std::uint64_t kMaxTree = 256u << 20;
constexpr int kMaxTags = 100;  // on tags
constexpr std::uint64_t kLookEvery = 64;

bool isOlder(const CommitText& a, const CommitText& b) {
  return a.date < b.date;
}

/// The next one that a tag leads to.
std::optional<ObjectId> tagTarget(ObjectFormat format, std::string_view text) {
  std::string_view rest;
  return takeLine(text, "object ", rest) ? ObjectId::parse(format, rest) : std::nullopt;
}

}  // namespace

ReachWalk::ReachWalk(const Parts& parts) : parts_(parts), snapshot_(parts.objects.packs()) {}

void ReachWalk::look() {
  if (++steps_ % kLookEvery == 0) parts_.watch();
}

void ReachWalk::findRoots() {
  for (const ObjectId& root : parts_.roots) {
    if (!parts_.wanted.isLeft(root)) continue;
    if (const auto header = parts_.objects.findHeader(root)) found(root, header->type);
  }
}

void ReachWalk::start() {
  parts_.watch();
  visited_.emplace(snapshot_);
  queue_.clear();
  trees_.clear();
  for (const ObjectId& root : parts_.roots)
    enterRoot(root);
}

void ReachWalk::enterRoot(const ObjectId& root) {
  ObjectId at = root;
  for (int tags = 0; tags < kMaxTags; ++tags) {
    const auto header = parts_.objects.findHeader(at);
    if (!header) return;
    if (header->type == ObjectType::commit) return visitCommit(at);
    if (header->type == ObjectType::tree) return trees_.push_back(at);
    if (!add(at)) return;
    found(at, header->type);
    if (header->type == ObjectType::blob) return;
    const auto tag = parts_.objects.read(at, kMaxText);
    const auto target = tag ? tagTarget(at.format(), tag->data) : std::nullopt;
    if (!target) return;
    at = *target;
    look();
  }
}

void ReachWalk::visitCommit(const ObjectId& id) {
  const Located commit(*snapshot_, id);
  if (!visited_->add(commit)) return;
  look();
  const auto object =
      commit.place ? parts_.objects.read(*commit.place, kMaxText) : parts_.objects.read(id, kMaxText);
  if (!object || object->type != ObjectType::commit) return;
  found(id, ObjectType::commit);
  auto text = parseCommitText(id.format(), object->data);
  if (!text) return;
  if (parts_.shallow.contains(id)) text->parents.clear();
  queue_.push_back({id, std::move(*text)});
  std::push_heap(queue_.begin(), queue_.end(),
                 [](const Met& a, const Met& b) { return isOlder(a.text, b.text); });
}

ReachWalk::Met ReachWalk::popNewest() {
  std::pop_heap(queue_.begin(), queue_.end(),
                [](const Met& a, const Met& b) { return isOlder(a.text, b.text); });
  Met newest = std::move(queue_.back());
  queue_.pop_back();
  return newest;
}

void ReachWalk::findCommits() {
  start();
  while (!queue_.empty() && parts_.wanted.commitsLeft() > 0) {
    const Met commit = popNewest();
    for (const ObjectId& parent : commit.text.parents)
      visitCommit(parent);
  }
}

void ReachWalk::findAll() {
  start();
  recent_.emplace(parts_.objects.format());
  while (!queue_.empty() && !parts_.wanted.isDecided()) {
    const Met commit = popNewest();
    walkTree(commit.text.tree);
    for (const ObjectId& parent : commit.text.parents)
      visitCommit(parent);
  }
  for (const ObjectId& tree : trees_)
    walkTree(tree);
}

void ReachWalk::walkTree(const ObjectId& root) {
  const ObjectFormat format = root.format();
  std::vector<Located> pending{Located(*snapshot_, root)};
  if (!visited_->add(pending.back())) return;
  found(root, ObjectType::tree);
  while (!pending.empty() && !parts_.wanted.isDecided()) {
    const Located at = pending.back();
    pending.pop_back();
    look();
    const auto tree =
        at.place ? parts_.objects.read(*at.place, kMaxTree) : parts_.objects.read(at.id, kMaxTree);
    if (!tree || tree->type != ObjectType::tree) continue;
    TreeReader reader(format, tree->data);
    while (const auto entry = reader.next()) {
      if (entry->isGitlink()) continue;
      parts_.wanted.found(entry->id, entry->isFolder() ? ObjectType::tree : ObjectType::blob);
      if (!entry->isFolder() || recent_->note(entry->id, ObjectType::tree)) continue;
      const Located folder(*snapshot_, ObjectId(format, entry->id));
      if (visited_->add(folder)) pending.push_back(folder);
    }
  }
}

}  // namespace git::detail
