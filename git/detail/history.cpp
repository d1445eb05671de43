#include "git/detail/history.h"

#include <algorithm>

#include "base/error.h"
#include "git/detail/commit_text.h"

namespace git::detail {
namespace {

// Messages can be long, but no one writes a book.
constexpr std::uint64_t kMaxCommit = 64u << 20;
constexpr int kMaxTags = 1000;

[[noreturn]] void throwBad(const ObjectId& id, std::string_view what) {
  throw base::Error(base::Errc::corrupt,
                    std::string(what) + " " + id.hex() +
                        " is missing or damaged: restore it from a backup or another clone");
}

}  // namespace

std::optional<Peeled> peelObject(const ObjectDatabase& objects, const ObjectId& id) {
  Peeled peeled{id, ObjectType::commit, {}};
  for (int step = 0; step < kMaxTags; ++step) {
    const auto header = objects.findHeader(peeled.id);
    if (!header) return std::nullopt;
    peeled.type = header->type;
    if (header->type != ObjectType::tag) return peeled;
    peeled.tags.push_back(peeled.id);
    const auto tag = objects.read(peeled.id, kMaxCommit);
    if (!tag) return std::nullopt;
    std::string_view text = tag->data;
    std::string_view target;
    std::optional<ObjectId> next;
    if (takeLine(text, "object ", target)) next = ObjectId::parse(objects.format(), target);
    if (!next) throwBad(peeled.id, "tag");
    peeled.id = *next;
  }
  throw base::Error(base::Errc::corrupt, "tag " + id.hex() + " leads through too many tags");
}

History::History(const ObjectDatabase& objects, const std::vector<ObjectId>& repositoryShallow)
    : objects_(objects), repositoryIsShallow_(!repositoryShallow.empty()) {
  for (const ObjectId& each : repositoryShallow)
    set(node(each), shallow | repoShallow);
}

History::Node History::node(const ObjectId& id) {
  const auto [entry, added] = nodes_.try_emplace(id, static_cast<Node>(commits_.size()));
  if (added) commits_.push_back({id, {}, 0, 0, 0, 0});
  return entry->second;
}

const History::Commit& History::parse(Node node) {
  if (!has(node, parsed)) {
    const auto object = objects_.read(commits_[node].id, kMaxCommit);
    if (!object || object->type != ObjectType::commit) throwBad(commits_[node].id, "commit");
    parseText(node, object->data);
  }
  return commits_[node];
}

void History::parseText(Node node, std::string_view text) {
  const auto parsedText = parseCommitText(objects_.format(), text);
  if (!parsedText) throwBad(commits_[node].id, "commit");
  const auto first = static_cast<std::uint32_t>(parents_.size());
  for (const ObjectId& parent : parsedText->parents)
    parents_.push_back(this->node(parent));
  Commit& commit = commits_[node];
  commit.tree = parsedText->tree;
  commit.firstParent = first;
  commit.parentCount = static_cast<std::uint32_t>(parents_.size()) - first;
  commit.date = parsedText->date;
  commit.flags |= parsed;
}

std::span<const History::Node> History::trueParents(Node node) {
  const Commit& commit = parse(node);
  return {parents_.data() + commit.firstParent, commit.parentCount};
}

std::span<const History::Node> History::parents(Node node) {
  if (has(node, shallow)) return {};
  return trueParents(node);
}

void History::clearAll(unsigned flags) {
  for (Commit& commit : commits_)
    commit.flags &= static_cast<std::uint16_t>(~flags);
}

void DateQueue::push(std::uint64_t date, History::Node node) {
  heap_.emplace_back(date, node);
  std::push_heap(heap_.begin(), heap_.end());
}

History::Node DateQueue::pop() {
  std::pop_heap(heap_.begin(), heap_.end());
  const History::Node node = heap_.back().second;
  heap_.pop_back();
  return node;
}

}  // namespace git::detail
