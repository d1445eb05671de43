#include "git/detail/shallow_walk.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"

namespace git::detail {

using Node = History::Node;

std::vector<Node> cutAtDepth(History& history, const std::vector<Node>& heads, std::uint32_t depth) {
  // Breadth first: a commit is met first on its shortest way.
  std::vector<Node> cut;
  std::vector<Node> level;
  history.clearAll(History::newShallow | History::unshallowed | History::queued);
  const auto add = [&](std::vector<Node>& nodes, Node node) {
    if (history.has(node, History::queued)) return;
    history.set(node, History::queued);
    nodes.push_back(node);
  };
  for (const Node head : heads)
    add(level, head);
  for (std::uint32_t distance = 1; !level.empty(); ++distance) {
    std::vector<Node> next;
    for (const Node node : level) {
      if ((depth != kInfiniteDepth && distance >= depth) || history.has(node, History::repoShallow)) {
        history.set(node, History::newShallow);
        cut.push_back(node);
        continue;
      }
      history.set(node, History::unshallowed);
      const std::vector<Node> parents(history.parents(node).begin(), history.parents(node).end());
      for (const Node parent : parents)
        add(next, parent);
    }
    level = std::move(next);
  }
  history.clearAll(History::queued);
  return cut;
}

std::vector<Node> cutByRule(History& history, const std::vector<Node>& heads, const CutRule& rule) {
  history.clearAll(History::newShallow | History::unshallowed | History::queued);
  std::vector<Node> pending = rule.excluded;
  while (!pending.empty()) {
    const Node node = pending.back();
    pending.pop_back();
    if (history.has(node, History::queued)) continue;
    history.set(node, History::queued);
    const auto parents = history.parents(node);
    pending.insert(pending.end(), parents.begin(), parents.end());
  }
  std::vector<Node> kept;
  pending = heads;
  while (!pending.empty()) {
    const Node node = pending.back();
    pending.pop_back();
    if (history.has(node, History::queued) || (rule.since && history.date(node) < *rule.since)) continue;
    history.set(node, History::queued | History::unshallowed);
    kept.push_back(node);
    const auto parents = history.parents(node);
    pending.insert(pending.end(), parents.begin(), parents.end());
  }
  history.clearAll(History::queued);
  if (kept.empty())
    throw base::Error(base::Errc::invalidArgument, "no commits selected for shallow requests");
  std::vector<Node> cut;
  for (const Node node : kept) {
    const auto parents = history.trueParents(node);
    const bool whole = std::all_of(parents.begin(), parents.end(),
                                   [&](Node parent) { return history.has(parent, History::unshallowed); });
    if (!whole) cut.push_back(node);
  }
  for (const Node node : cut) {
    history.set(node, History::newShallow);
    history.clear(node, History::unshallowed);
  }
  return cut;
}

std::vector<Node> reachableShallows(History& history, const std::vector<Node>& heads) {
  std::vector<Node> found;
  std::vector<Node> pending = heads;
  while (!pending.empty()) {
    const Node node = pending.back();
    pending.pop_back();
    if (history.has(node, History::queued)) continue;
    history.set(node, History::queued);
    if (history.has(node, History::clientShallow)) found.push_back(node);
    const auto parents = history.parents(node);
    pending.insert(pending.end(), parents.begin(), parents.end());
  }
  history.clearAll(History::queued);
  return found;
}

}  // namespace git::detail
