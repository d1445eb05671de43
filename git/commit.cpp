#include "git/commit.h"

#include <queue>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/strings.h"

namespace git {
namespace {

constexpr std::uint64_t kMaxCommitBytes = 64u << 20;
constexpr int kMaxTags = 100;  // on tags

std::vector<ObjectId> parseParents(ObjectFormat format, std::string_view data) {
  const std::size_t hexSize = idSize(format) * 2;
  constexpr std::string_view kTree = "tree ";
  constexpr std::string_view kParent = "parent ";
  std::vector<ObjectId> parents;
  if (!data.starts_with(kTree) || data.size() < kTree.size() + hexSize + 1) return parents;
  data.remove_prefix(kTree.size() + hexSize + 1);
  while (data.starts_with(kParent) && data.size() > kParent.size() + hexSize) {
    if (const auto id = ObjectId::parse(format, data.substr(kParent.size(), hexSize))) parents.push_back(*id);
    data.remove_prefix(kParent.size() + hexSize + 1);
  }
  return parents;
}

/// Seconds of the committer line; 0 when there is none.
std::uint64_t committerTime(std::string_view data) {
  const std::size_t line = data.find("\ncommitter ");
  if (line == std::string_view::npos) return 0;
  const std::string_view rest = data.substr(line + 1, data.find('\n', line + 1) - line - 1);
  const std::size_t mail = rest.rfind("> ");
  if (mail == std::string_view::npos) return 0;
  const std::string_view number = rest.substr(mail + 2, rest.find(' ', mail + 2) - mail - 2);
  std::uint64_t time = 0;
  return base::parseNumber(number, time) ? time : 0;
}

struct Commit {
  std::uint64_t time = 0;
  ObjectId id;
  std::vector<ObjectId> parents;
  friend bool operator<(const Commit& a, const Commit& b) { return a.time < b.time; }
};

std::optional<Commit> readCommit(const ObjectSource& objects, const ObjectId& id) {
  const auto object = objects.find(id, kMaxCommitBytes);
  if (!object || object->type != ObjectType::commit) return std::nullopt;
  return Commit{committerTime(object->data), id, parseParents(id.format(), object->data)};
}

/// The id behind `key` at the beginning of an object's text.
ObjectId idAfter(std::string_view key, const ObjectId& of, std::string_view text) {
  if (text.starts_with(key)) {
    const std::string_view hex = text.substr(key.size(), idSize(of.format()) * 2);
    if (const auto id = ObjectId::parse(of.format(), hex)) return *id;
  }
  throw base::Error(base::Errc::corrupt, "object " + of.hex() + " is damaged");
}

/// The text of the commit that `id` names, through tags.
std::pair<ObjectId, std::string> peelToCommit(const ObjectSource& objects, ObjectId id) {
  for (int tags = 0; tags <= kMaxTags; ++tags) {
    auto object = objects.find(id, kMaxCommitBytes);
    if (!object) throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is missing: push it again");
    if (object->type == ObjectType::commit) return {id, std::move(object->data)};
    if (object->type != ObjectType::tag) break;
    id = idAfter("object ", id, object->data);
  }
  throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is not a commit");
}

}  // namespace

std::vector<ObjectId> commitParents(const ObjectSource& objects, const ObjectId& id) {
  auto commit = readCommit(objects, id);
  return commit ? std::move(commit->parents) : std::vector<ObjectId>{};
}

bool isAncestor(const ObjectSource& objects, const ObjectId& ancestor, const ObjectId& descendant) {
  if (!readCommit(objects, ancestor)) return false;
  // Newest first: a plain push ends after the few commits that are new.
  std::priority_queue<Commit> left;
  std::unordered_set<ObjectId> seen;
  const auto visit = [&](const ObjectId& id) {
    if (!seen.insert(id).second) return;
    if (auto commit = readCommit(objects, id)) left.push(std::move(*commit));
  };
  visit(descendant);
  while (!left.empty()) {
    const Commit commit = left.top();
    left.pop();
    if (commit.id == ancestor) return true;
    for (const ObjectId& parent : commit.parents)
      visit(parent);
  }
  return false;
}

ObjectId treeOf(const ObjectSource& objects, const ObjectId& commit) {
  const auto [id, text] = peelToCommit(objects, commit);
  return idAfter("tree ", id, text);
}

}  // namespace git
