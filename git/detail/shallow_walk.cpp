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

bool allReachable(History& history, const std::vector<Node>& targets, const std::vector<Node>& starts) {
  std::size_t missing = 0;
  std::uint64_t oldest = ~std::uint64_t{0};
  for (const Node target : targets) {
    if (history.has(target, History::wanted)) continue;
    history.set(target, History::wanted);
    ++missing;
    oldest = std::min(oldest, history.date(target));
  }
  DateQueue queue;
  const auto add = [&](Node node) {
    if (history.has(node, History::queued)) return;
    history.set(node, History::queued);
    queue.push(history.date(node), node);
  };
  for (const Node start : starts)
    add(start);
  // Clocks differ: a day is forgiven.
  const std::uint64_t cutoff = oldest > 86'400 ? oldest - 86'400 : 0;
  while (missing > 0 && !queue.empty()) {
    const Node node = queue.pop();
    if (history.has(node, History::wanted)) --missing;
    if (history.date(node) < cutoff) continue;
    const std::vector<Node> parents(history.parents(node).begin(), history.parents(node).end());
    for (const Node parent : parents)
      add(parent);
  }
  history.clearAll(History::queued | History::wanted);
  return missing == 0;
}

}  // namespace git::detail
