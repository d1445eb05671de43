#include "git/detail/delta_worker.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "git/detail/delta.h"
#include "git/detail/pack_stream.h"

namespace git::detail {
namespace {

// A share for ordinary objects, of which a few are held at once.
constexpr std::uint64_t kLeastShare = 2u << 20;
// Looking at the clock costs as much as a very small object.
constexpr unsigned kObjectsPerCheck = 16;

std::uint64_t shareFor(std::uint64_t largest) {
  // A base, the result, the delta between them, and one more to come back to.
  return std::max(kLeastShare, 4 * largest);
}

}  // namespace

DeltaWorker::DeltaWorker(const DeltaResolver::Parts& parts, std::atomic<std::uint64_t>& resolved, Watch watch)
    : parts_(parts),
      resolved_(resolved),
      watch_(std::move(watch)),
      entries_(parts.intake.entries()),
      reader_(parts.file, entries_, parts.dataEnd, pool_),
      intake_(parts.intake) {}

void DeltaWorker::resolveTree(std::uint32_t root, std::uint64_t largest) {
  const auto share = parts_.memory.take(shareFor(largest), parts_.stop);
  outside_.reset();
  type_ = entries_[root].type;
  children_.clear();
  addChildren(entries_[root].firstChild, kNoEntry);
  push(root, 0, {});
  walk(share.bytes());
}

void DeltaWorker::resolveOutsideTree(const OutsideBase& base, std::uint32_t first, std::uint64_t size) {
  const auto share = parts_.memory.take(shareFor(size), parts_.stop);
  outside_ = base.number;
  type_ = base.type;
  children_.clear();
  addChildren(first, kNoEntry);
  frames_.push_back({kNoEntry, 0, children_.size(), 0, outsideData()});
  held_ = frames_.back().data.room;
  walk(share.bytes());
}

/// Adds a list of siblings to those of the frame that comes next. `base` is set where it was not known.
void DeltaWorker::addChildren(std::uint32_t first, std::uint32_t base) {
  for (std::uint32_t child = first; child != kNoEntry; child = entries_[child].nextSibling) {
    if (base != kNoEntry) entries_[child].base = base;
    children_.push_back(child);
  }
}

/// Makes a frame of an object whose deltas by offset are in children_ already.
void DeltaWorker::push(std::uint32_t entry, unsigned depth, Buffer data) {
  const std::size_t first = frames_.empty() ? 0 : frames_.back().lastChild;
  if (parts_.refBases.size() > 0) {
    if (const auto number = parts_.refBases.find(entries_.idBytes(entry)))
      addChildren(std::atomic_ref(parts_.firstRefChild[*number]).exchange(kNoEntry), entry);
  }
  if (children_.size() == first) return pool_.give(std::move(data));
  std::sort(children_.begin() + static_cast<std::ptrdiff_t>(first), children_.end(),
            [this](std::uint32_t a, std::uint32_t b) { return entries_[a].weight < entries_[b].weight; });
  held_ += data.room;
  frames_.push_back({entry, first, children_.size(), depth, std::move(data)});
}

void DeltaWorker::walk(std::uint64_t budget) {
  while (!frames_.empty()) {
    if (parts_.stop.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
    if (++sinceCheck_ % kObjectsPerCheck == 0) watch_.spell->check();
    Frame& top = frames_.back();
    if (!top.data.bytes) {
      top.data = top.entry == kNoEntry ? outsideData() : rebuild(top.entry);
      held_ += top.data.room;
    }
    const std::uint32_t child = children_[top.firstChild++];
    const unsigned depth = top.depth + 1;
    if (depth > parts_.limits.deltaDepth.value)
      throwOverLimit("a delta's chain is", parts_.limits.deltaDepth);
    Buffer data = apply(child, top.data);
    if (top.firstChild == top.lastChild) {
      // Its last delta: nobody comes back to it.
      held_ -= top.data.room;
      pool_.give(std::move(top.data));
      children_.resize(frames_.size() > 1 ? frames_[frames_.size() - 2].lastChild : 0);
      frames_.pop_back();
    }
    entries_.resolve(child, type_, intake_.take(child, type_, data.view()));
    ++resolved_;
    if (watch_.tick && resolved_ % 64 == 0) watch_.tick();
    addChildren(entries_[child].firstChild, kNoEntry);
    push(child, depth, std::move(data));
    dropBeyond(budget);
  }
}

Buffer DeltaWorker::apply(std::uint32_t entry, const Buffer& base) {
  Buffer delta = reader_.read(entry);
  const auto head = parseDeltaHead(delta.view());
  Buffer result = pool_.take(entries_[entry].size);
  if (!head || head->resultSize != result.size || !applyDelta(base.view(), delta.view(), result.bytes.get()))
    throw base::Error(base::Errc::invalidArgument, "the pack is damaged: a delta does not fit its base");
  pool_.give(std::move(delta));
  return result;
}

/// Frees what lies longest until it is used again.
void DeltaWorker::dropBeyond(std::uint64_t budget) {
  for (std::size_t i = 0; held_ > budget && i + 1 < frames_.size(); ++i) {
    held_ -= frames_[i].data.room;
    frames_[i].data = {};
  }
}

Buffer DeltaWorker::rebuild(std::uint32_t entry) {
  std::vector<std::uint32_t> chain;
  std::uint32_t at = entry;
  for (; at != kNoEntry && entries_[at].isDelta(); at = entries_[at].base)
    chain.push_back(at);
  Buffer data = at == kNoEntry ? outsideData() : reader_.read(at);
  for (; !chain.empty(); chain.pop_back()) {
    Buffer next = apply(chain.back(), data);
    pool_.give(std::move(data));
    data = std::move(next);
    rebuilt_ += data.size;
    if (rebuilt_ > parts_.limits.unpackedBytes.value)
      throwOverLimit("the pack's unpacked bytes are", parts_.limits.unpackedBytes);
  }
  return data;
}

Buffer DeltaWorker::outsideData() {
  if (!outside_) throw base::Error(base::Errc::internal, "a delta's base is not in the pack");
  const ObjectId id(entries_.format(), parts_.refBases.id(*outside_));
  const auto object = parts_.existing.find(id, parts_.limits.objectBytes.value);
  if (!object) throw base::Error(base::Errc::corrupt, "an object vanished from the repository");
  Buffer data = pool_.take(object->data.size());
  std::copy(object->data.begin(), object->data.end(), data.bytes.get());
  return data;
}

}  // namespace git::detail
