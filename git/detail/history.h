// Commits as a graph, read as far as somebody walks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "git/object_database.h"

namespace git::detail {

/// What a want, a have or a ref leads to, with the tags that are passed on the way.
struct Peeled {
  ObjectId id;
  ObjectType type = ObjectType::commit;
  std::vector<ObjectId> tags;
};
/// nullopt when an object on the way is missing. Throws corrupt.
std::optional<Peeled> peelObject(const ObjectDatabase& objects, const ObjectId& id);

/// The commits that one request has met, as numbered nodes with flags. A shallow node has no parents. One
/// thread at a time. (gitprotocol-pack, shallow; gitformat of commits.)
class History {
 public:
  using Node = std::uint32_t;
  /// Each walk uses its own and clears what it set if others follow.
  enum Flag : std::uint16_t {
    parsed = 1,
    shallow = 2,        ///< parents are not followed
    repoShallow = 4,    ///< its parents are not in the repository
    clientShallow = 8,  ///< its parents are not at the client
    theyHave = 16,
    reachesCommon = 32,
    unshallowed = 64,  ///< the client gets the parents now
    newShallow = 128,
    uninteresting = 256,
    queued = 512,
    wanted = 1024,
    scratch = 2048,
    reachQueued = 4096,
    reached = 8192  ///< a tip leads to it
  };

  /// `repositoryShallow` is what the repository's own "shallow" file lists. The database must outlive this.
  History(const ObjectDatabase& objects, const std::vector<ObjectId>& repositoryShallow);

  /// The node of a commit, read or not.
  Node node(const ObjectId& id);
  const ObjectId& id(Node node) const { return commits_[node].id; }
  /// The next calls read the commit; they throw corrupt when it is missing or damaged.
  std::uint64_t date(Node node) { return parse(node).date; }
  const ObjectId& tree(Node node) { return parse(node).tree; }
  /// None when shallow. Valid until the next call of node() or of what reads.
  std::span<const Node> parents(Node node);
  /// Shallow or not.
  std::span<const Node> trueParents(Node node);

  bool has(Node node, unsigned flags) const { return (commits_[node].flags & flags) != 0; }
  void set(Node node, unsigned flags) { commits_[node].flags |= static_cast<std::uint16_t>(flags); }
  void clear(Node node, unsigned flags) { commits_[node].flags &= static_cast<std::uint16_t>(~flags); }
  void clearAll(unsigned flags);
  bool repositoryIsShallow() const noexcept { return repositoryIsShallow_; }
  const ObjectDatabase& objects() const noexcept { return objects_; }

 private:
  struct Commit {
    ObjectId id;
    ObjectId tree;
    std::uint64_t date = 0;
    std::uint32_t firstParent = 0;
    std::uint32_t parentCount = 0;
    std::uint16_t flags = 0;
  };
  const Commit& parse(Node node);
  void parseText(Node node, std::string_view text);

  const ObjectDatabase& objects_;
  std::unordered_map<ObjectId, Node> nodes_;
  std::vector<Commit> commits_;
  std::vector<Node> parents_;
  bool repositoryIsShallow_;
};

/// Commits by date, the newest first. (A heap; what is pushed twice comes twice.)
class DateQueue {
 public:
  void push(std::uint64_t date, History::Node node);
  History::Node pop();
  bool empty() const noexcept { return heap_.empty(); }
  const std::vector<std::pair<std::uint64_t, History::Node>>& all() const noexcept { return heap_; }

 private:
  std::vector<std::pair<std::uint64_t, History::Node>> heap_;
};

}  // namespace git::detail
