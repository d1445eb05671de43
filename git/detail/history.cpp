#include "git/detail/history.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

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

/// Takes "KEY REST\n" off the text; false when it begins with something else.
bool takeLine(std::string_view& text, std::string_view key, std::string_view& rest) {
  if (!text.starts_with(key)) return false;
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  rest = text.substr(key.size(), end - key.size());
  text.remove_prefix(end + 1);
  return true;
}

std::uint64_t committerDate(std::string_view line) {
  // "NAME <EMAIL> SECONDS ZONE"
  const std::size_t close = line.rfind('>');
  if (close == std::string_view::npos) return 0;
  line.remove_prefix(close + 1);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::uint64_t seconds = 0;
  std::from_chars(line.data(), line.data() + line.size(), seconds);
  return seconds;
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
  const ObjectId self = commits_[node].id;
  std::string_view rest;
  if (!takeLine(text, "tree ", rest)) throwBad(self, "commit");
  const auto tree = ObjectId::parse(objects_.format(), rest);
  if (!tree) throwBad(self, "commit");
  const auto first = static_cast<std::uint32_t>(parents_.size());
  while (takeLine(text, "parent ", rest)) {
    const auto parent = ObjectId::parse(objects_.format(), rest);
    if (!parent) throwBad(self, "commit");
    const Node other = this->node(*parent);
    parents_.push_back(other);
  }
  Commit& commit = commits_[node];
  commit.tree = *tree;
  commit.firstParent = first;
  commit.parentCount = static_cast<std::uint32_t>(parents_.size()) - first;
  if (takeLine(text, "author ", rest) && takeLine(text, "committer ", rest))
    commit.date = committerDate(rest);
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
