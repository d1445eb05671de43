#include "git/detail/push_reach.h"

#include <algorithm>

#include "base/error.h"
#include "git/detail/beside_walk.h"
#include "git/detail/incoming_entries.h"
#include "git/detail/ref_advertisement.h"
#include "git/detail/shallow_file.h"

namespace git::detail {
namespace {

constexpr std::uint64_t kMaxText = 64u << 20;
// What a long walk holds beside its bits: unpacked bases of deltas.
constexpr std::uint64_t kWalkBytes = 40u << 20;

}  // namespace

PushReach::PushReach(const Parts& parts)
    : parts_(parts), time_(parts.settings.limits.unpackSeconds), watch_([this] { watch(); }) {}

void PushReach::watch() {
  if (parts_.stop.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
  if (spell_) spell_->check();
}

void PushReach::findRoots() {
  if (rootsKnown_) return;
  rootsKnown_ = true;
  std::unordered_set<ObjectId> seen;
  const auto add = [&](const ObjectId& id) {
    if (seen.insert(id).second) roots_.push_back(id);
  };
  for (const ObjectId& id : parts_.advertised)
    add(id);
  for (const Ref& ref : parts_.refs.list()) {
    if (!parts_.settings.hiddenRefs.hides(ref.name)) add(ref.id);
  }
  const Repository& repository = parts_.refs.repository();
  for (const ObjectId& id : alternateTips(repository))
    add(id);
  for (const ObjectId& id : readShallowFile(repository.commonDir, repository.format))
    shallow_.insert(id);
}

ReachWalk PushReach::makeWalk(OutsideObjects& wanted) {
  findRoots();
  return ReachWalk({parts_.existing, wanted, roots_, shallow_, watch_});
}

void PushReach::searchAll(ReachWalk& walk) {
  std::optional<MemoryBudget::Share> share;
  if (parts_.settings.memory)
    share.emplace(
        parts_.settings.memory->take(parts_.existing.packs()->count() / 8 + kWalkBytes, parts_.stop));
  walk.findAll();
}

bool PushReach::mayUse(OutsideObjects& bases) {
  if (bases.left() == 0) return true;
  spell_.emplace(time_);
  ReachWalk walk = makeWalk(bases);
  walk.findRoots();
  if (bases.left() > 0) searchAll(walk);
  spell_.reset();
  return bases.left() == 0;
}

void PushReach::check(const Push& push) {
  spell_.emplace(time_);
  pack_ = &push.pack;
  outside_.emplace(push.pack.takeOutside());
  for (const ObjectId& tip : push.tips) {
    if (!push.pack.brings(tip)) outside_->add(tip.data(), {.role = OutsideObjects::tip});
  }
  // What came, by itself: the push's own reader would keep what it has read here while the build runs.
  const ObjectDatabase fresh(DatabaseOptions{
      .objects = push.quarantine.objects(), .quarantine = {}, .format = parts_.existing.format()});
  addSpares(push, fresh);
  if (outside_->left() > 0) search(push, fresh);
  spell_.reset();
  // First: what is wrong with the others may tell of the base of a delta.
  if (outside_->basesLeft() > 0) throw base::Error(base::Errc::invalidArgument, kLostBases);
  if (const auto& wrong = outside_->wrongType()) throwWrongType(wrong->id, wrong->wanted, wrong->found);
}

void PushReach::addSpares(const Push& push, const ObjectDatabase& fresh) {
  for (const ObjectId& id : push.shallow) {
    if (!push.pack.brings(id)) continue;
    const auto object = fresh.read(id, kMaxText);
    const auto text = object && object->type == ObjectType::commit
                          ? parseCommitText(id.format(), object->data)
                          : std::nullopt;
    if (!text) continue;
    for (const ObjectId& parent : text->parents) {
      if (!push.pack.brings(parent) && parts_.existing.contains(parent))
        outside_->add(parent.data(), {.role = OutsideObjects::spare, .type = ObjectType::commit});
    }
  }
}

void PushReach::search(const Push& push, const ObjectDatabase& fresh) {
  OutsideObjects& wanted = *outside_;
  ReachWalk walk = makeWalk(wanted);
  walk.findRoots();
  if (wanted.commitsLeft() > 0) walk.findCommits();
  wanted.giveUpSpares();
  // Commits are decided now. That one is lost is what the pusher hears, unless a base is lost as well.
  wanted.decideCommits();
  if (wanted.isDecided()) return;
  const std::function<bool(const ObjectId&)> brings = [&](const ObjectId& id) {
    return push.pack.brings(id);
  };
  // Senders put the newest first.
  std::vector<ObjectId> commits = push.pack.commits();
  std::reverse(commits.begin(), commits.end());
  BesideWalk({fresh, parts_.existing, brings, wanted, watch_}, push.pack.objects()).run(commits);
  if (!wanted.isDecided()) searchAll(walk);
}

bool PushReach::isThere(const ObjectId& id) const {
  return pack_->brings(id) || outside_->isFound(id);
}

std::optional<std::string> PushReach::missing() const {
  const auto lost = outside_->lostLink();
  if (!lost) return std::nullopt;
  if (outside_->crowded())
    return "missing objects: the pack names some that are neither in it nor in the repository";
  return "missing object " + lost->id.hex() + ", which " + pack_->entryId(lost->from).hex() + " needs";
}

}  // namespace git::detail
