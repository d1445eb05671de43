#include "git/detail/pack_plan.h"

#include <algorithm>

#include "base/error.h"
#include "git/detail/link_table.h"
#include "git/detail/tree_reader.h"

namespace git::detail {
namespace {

using Node = History::Node;

constexpr std::uint64_t kMaxTree = 256u << 20;
// Commits may be dated wrongly: so many more are looked at after everything seems to be known.
constexpr int kSlop = 5;
constexpr unsigned kProgressEvery = 1024;

[[noreturn]] void throwMissing(std::string_view what, const ObjectId& id) {
  throw base::Error(base::Errc::corrupt,
                    std::string(what) + " " + id.hex() +
                        " is missing or damaged: restore it from a backup or another clone");
}

class Planner {
 public:
  Planner(History& history, const PackSelection& selection, const PlanWatch& watch)
      : history_(history),
        objects_(history.objects()),
        selection_(selection),
        filter_(selection.filter),
        watch_(watch),
        snapshot_(objects_.packs()),
        plan_(snapshot_),
        visited_(snapshot_),
        recent_(objects_.format()) {}

  PackPlan run() {
    for (const ObjectId& have : selection_.haves)
      addHave(have);
    for (const ObjectId& want : selection_.wants)
      addWant(want);
    limit();
    markEdges();
    for (const Node commit : commits_) {
      if (history_.has(commit, History::uninteresting)) continue;
      if (filter_.takes(ObjectType::commit) || history_.has(commit, History::wanted))
        select(history_.id(commit));
    }
    for (const Node commit : commits_) {
      if (!history_.has(commit, History::uninteresting))
        selectTree({locate(history_.tree(commit)), 0, false});
    }
    for (const ObjectId& tree : explicitTrees_)
      selectTree({locate(tree), 0, true});
    addTags();
    return std::move(plan_);
  }

 private:
  struct TreeVisit {
    Located object;
    std::uint64_t depth;
    bool explicitly;  ///< asked for by name, which no filter touches
  };

  void select(const ObjectId& id) { select(locate(id)); }

  void select(const Located& object) {
    if (!plan_.selected.add(object)) return;
    if (plan_.selected.size() % kProgressEvery == 0) look();
  }

  void look() const {
    if (watch_.stop.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
    if (watch_.onProgress) watch_.onProgress(plan_.selected.size());
  }

  void push(Node node) {
    if (history_.has(node, History::queued)) return;
    history_.set(node, History::queued);
    queue_.push(history_.date(node), node);
  }

  void addHave(const ObjectId& id) {
    const auto peeled = peelObject(objects_, id);
    if (!peeled) return;
    for (const ObjectId& tag : peeled->tags)
      plan_.atClient.add(tag);
    if (peeled->type == ObjectType::commit) {
      const Node node = history_.node(peeled->id);
      haves_.push_back(node);
      history_.set(node, History::uninteresting);
      push(node);
    } else if (peeled->type == ObjectType::tree) {
      markTree(peeled->id);
    } else {
      plan_.atClient.add(peeled->id);
    }
  }

  void addWant(const ObjectId& id) {
    const auto peeled = peelObject(objects_, id);
    if (!peeled) throwMissing("object", id);
    for (const ObjectId& tag : peeled->tags) {
      if (!plan_.atClient.has(tag)) select(tag);
    }
    if (peeled->type == ObjectType::commit) {
      const Node node = history_.node(peeled->id);
      // Only what was named itself is beyond the filter; a tag's target is not.
      if (peeled->tags.empty()) history_.set(node, History::wanted);
      push(node);
    } else if (peeled->type == ObjectType::tree) {
      explicitTrees_.push_back(peeled->id);
    } else if (!plan_.atClient.has(peeled->id)) {
      select(peeled->id);
    }
  }

  void spoil(Node start) {
    // Those that were passed already as interesting: their ancestors, too, are not.
    std::vector<Node> pending{start};
    while (!pending.empty()) {
      const Node node = pending.back();
      pending.pop_back();
      for (const Node parent : history_.parents(node)) {
        if (history_.has(parent, History::uninteresting)) continue;
        history_.set(parent, History::uninteresting);
        if (history_.has(parent, History::scratch)) pending.push_back(parent);
      }
    }
  }

  bool onlyUninteresting() const {
    return std::all_of(queue_.all().begin(), queue_.all().end(),
                       [&](const auto& entry) { return history_.has(entry.second, History::uninteresting); });
  }

  /// Fills commits_ with what the wants lead to and the haves do not, the newest first.
  void limit() {
    int slop = kSlop;
    std::uint64_t lastDate = ~std::uint64_t{0};
    while (!queue_.empty()) {
      const Node node = queue_.pop();
      history_.set(node, History::scratch);
      const std::vector<Node> parents(history_.parents(node).begin(), history_.parents(node).end());
      if (history_.has(node, History::uninteresting)) {
        spoil(node);
        for (const Node parent : parents)
          pushIfThere(parent);
        if (!onlyUninteresting()) {
          slop = kSlop;
        } else if (history_.date(node) < lastDate && --slop <= 0) {
          break;
        }
        continue;
      }
      commits_.push_back(node);
      lastDate = history_.date(node);
      for (const Node parent : parents)
        push(parent);
      if (commits_.size() % kProgressEvery == 0) look();
    }
  }

  /// What the client has may be missing behind its edge, when the history there is borrowed or cut.
  void pushIfThere(Node node) {
    if (history_.has(node, History::queued) || !objects_.contains(history_.id(node))) return;
    push(node);
  }

  void markEdges() {
    std::vector<Node> edges;
    for (const Node commit : commits_) {
      if (history_.has(commit, History::uninteresting)) continue;
      for (const Node parent : history_.parents(commit)) {
        if (history_.has(parent, History::uninteresting)) edges.push_back(parent);
      }
    }
    if (selection_.shallow || commits_.empty()) edges.insert(edges.end(), haves_.begin(), haves_.end());
    for (const Node edge : edges) {
      plan_.atClient.add(history_.id(edge));
      if (objects_.contains(history_.id(edge))) markTree(history_.tree(edge));
    }
  }

  Located locate(const ObjectId& id) const { return {*snapshot_, id}; }

  std::shared_ptr<const Object> readTree(const Located& object) const {
    auto tree = object.place ? objects_.read(*object.place, kMaxTree) : objects_.read(object.id, kMaxTree);
    if (tree && tree->type != ObjectType::tree) return nullptr;
    return tree;
  }

  /// The client has all of it.
  void markTree(const ObjectId& root) {
    std::vector<Located> pending{locate(root)};
    if (!plan_.atClient.add(pending.back())) return;
    while (!pending.empty()) {
      const auto tree = readTree(pending.back());
      pending.pop_back();
      if (!tree) continue;
      TreeReader reader(objects_.format(), tree->data);
      while (const auto entry = reader.next()) {
        if (entry->isGitlink()) continue;
        const Located object = locate(ObjectId(objects_.format(), entry->id));
        if (plan_.atClient.add(object) && entry->isFolder()) pending.push_back(object);
      }
    }
  }

  /// Whether a tree has to be gone through (again): it may have been met deeper before.
  bool enter(const TreeVisit& visit) {
    if (plan_.atClient.has(visit.object)) return false;
    if (filter_.treeDepth == ObjectFilter::kNoLimit) return visited_.add(visit.object);
    if (visit.depth >= filter_.treeDepth && !visit.explicitly) return false;
    const auto [met, added] = depths_.try_emplace(visit.object.id, visit.depth);
    if (!added && met->second <= visit.depth) return false;
    met->second = visit.depth;
    return true;
  }

  void selectTree(const TreeVisit& root) {
    std::vector<TreeVisit> pending{root};
    while (!pending.empty()) {
      const TreeVisit visit = pending.back();
      pending.pop_back();
      if (!enter(visit)) continue;
      if (filter_.takes(ObjectType::tree) || visit.explicitly) select(visit.object);
      if (!onlyHeads()) selectEntries(visit, pending);
    }
  }

  void selectEntries(const TreeVisit& visit, std::vector<TreeVisit>& pending) {
    const auto tree = readTree(visit.object);
    if (!tree) throwMissing("tree", visit.object.id);
    // A tree that was asked for by name is no level of its own. (git-rev-list, --filter=tree.)
    const std::uint64_t below = visit.explicitly ? visit.depth : visit.depth + 1;
    TreeReader reader(objects_.format(), tree->data);
    while (const auto entry = reader.next()) {
      if (entry->isGitlink() || metLately(*entry)) continue;
      const Located object = locate(ObjectId(objects_.format(), entry->id));
      if (!entry->isFolder()) {
        selectBlob(object, below);
      } else if (filter_.treeDepth != ObjectFilter::kNoLimit || !visited_.has(object)) {
        pending.push_back({object, below, false});
      }
    }
    if (reader.malformed()) throwMissing("tree", visit.object.id);
  }

  /// Most entries of a tree are those of its previous version: spares them a search in the packs' indexes.
  /// With a depth filter it matters where an entry was met.
  bool metLately(const TreeEntry& entry) {
    if (filter_.treeDepth != ObjectFilter::kNoLimit) return false;
    return recent_.note(entry.id, entry.isFolder() ? ObjectType::tree : ObjectType::blob);
  }

  /// Trees need not be read when nothing in them can be selected.
  bool onlyHeads() const { return !filter_.takes(ObjectType::tree) && !filter_.takes(ObjectType::blob); }

  void selectBlob(const Located& object, std::uint64_t depth) {
    if (filter_.blobLimit == 0 || depth >= filter_.treeDepth || !filter_.takes(ObjectType::blob)) return;
    if (plan_.selected.has(object) || plan_.atClient.has(object)) return;
    if (filter_.blobLimit != ObjectFilter::kNoLimit) {
      const auto header = objects_.findHeader(object.id);
      if (header && header->size >= filter_.blobLimit) return;
    }
    select(object);
  }

  void addTags() {
    for (const auto& [tag, target] : selection_.tags) {
      if (plan_.selected.has(tag) || plan_.atClient.has(tag) || !plan_.selected.has(target)) continue;
      if (const auto peeled = peelObject(objects_, tag)) {
        for (const ObjectId& each : peeled->tags)
          select(each);
      }
    }
  }

  History& history_;
  const ObjectDatabase& objects_;
  const PackSelection& selection_;
  const ObjectFilter& filter_;
  const PlanWatch& watch_;
  std::shared_ptr<const PackSnapshot> snapshot_;  // shared with the database
  PackPlan plan_;
  DateQueue queue_;
  std::vector<Node> haves_;
  std::vector<Node> commits_;
  std::vector<ObjectId> explicitTrees_;
  ObjectSet visited_;                                   // trees, without a depth filter
  RecentLinks recent_;                                  // that were selected, or are about to be
  std::unordered_map<ObjectId, std::uint64_t> depths_;  // at which a tree was met, with one
};

}  // namespace

bool ObjectSet::add(const Located& object) {
  bool fresh = false;
  if (object.place) {
    fresh = packed_.add(object.place->number);
  } else if (isOther_.try_emplace(object.id, true).second) {
    others_.push_back(object.id);
    fresh = true;
  }
  size_ += fresh ? 1 : 0;
  return fresh;
}

bool ObjectSet::has(const Located& object) const {
  if (object.place) return packed_.has(object.place->number);
  return !isOther_.empty() && isOther_.contains(object.id);
}

PackPlan planPack(History& history, const PackSelection& selection, const PlanWatch& watch) {
  history.clearAll(History::uninteresting | History::queued | History::wanted | History::scratch);
  return Planner(history, selection, watch).run();
}

}  // namespace git::detail
