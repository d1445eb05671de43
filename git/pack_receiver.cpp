#include "git/pack_receiver.h"

#include <algorithm>
#include <chrono>

#include "base/atomic_file.h"
#include "base/error.h"
#include "git/detail/delta_resolver.h"
#include "git/detail/idx_writer.h"
#include "git/detail/incoming_entries.h"
#include "git/detail/incoming_file.h"
#include "git/detail/inflate.h"
#include "git/detail/object_intake.h"
#include "git/detail/outside_objects.h"
#include "git/detail/pack_stream.h"
#include "git/detail/unpack_time.h"

namespace git {
namespace {

constexpr std::uint64_t kOwnMemory = std::uint64_t{64} << 20;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

/// Type and size as an entry begins with them.
std::string entryHead(ObjectType type, std::uint64_t size) {
  std::string head(1, static_cast<char>(static_cast<unsigned>(type) << 4 | (size & 15u)));
  for (size >>= 4; size > 0; size >>= 7) {
    head.back() = static_cast<char>(static_cast<unsigned char>(head.back()) | 0x80u);
    head.push_back(static_cast<char>(size & 0x7fu));
  }
  return head;
}

std::string bigEndian32(std::uint64_t value) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i)
    bytes[i] = static_cast<char>(value >> (24 - 8 * i));
  return bytes;
}

}  // namespace

class PackReceiver::State {
 public:
  explicit State(PackReceiverOptions given)
      : options_(std::move(given)),
        ownMemory_(kOwnMemory),
        time_(options_.limits.unpackSeconds),
        entries_(options_.existing.format()),
        intake_({options_.existing, options_.policy, options_.shallow, entries_, options_.outside}),
        file_(options_.folder),
        stream_({options_.limits, intake_, file_, ownMemory_, time_, options_.stop}) {}

  std::size_t append(std::string_view bytes) {
    detail::UnpackTime::Spell spell(time_);
    const std::size_t taken = stream_.append(bytes);
    spell.check();
    reportReceived();
    return taken;
  }

  bool complete() const noexcept { return stream_.complete(); }

  PackSummary finish() {
    if (!complete()) throw base::Error(base::Errc::invalidArgument, "the pack ended early");
    PackSummary summary;
    summary.bytes = stream_.bytes();
    summary.objects = stream_.objects();
    if (summary.objects == 0) return summary;
    detail::UnpackTime::Spell spell(time_);
    try {
      resolve(summary, spell);
    } catch (const base::Error& error) {
      // What went wrong with a delta may tell of its base.
      if (error.code() == base::Errc::invalidArgument && options_.outside) checkBases();
      throw;
    }
    spell.check();
    summary.warnings = intake_.report().takeWarnings();
    summary.warningCount = intake_.report().warningCount();
    publish(summary);
    return summary;
  }

  std::optional<MissingObject> findMissing(const std::vector<ObjectId>& tips) const {
    if (auto missing = intake_.links().findMissing(entries_)) return missing;
    for (const ObjectId& tip : tips) {
      if (!entries_.find(tip.data()) && !options_.existing.contains(tip))
        return MissingObject{tip, std::nullopt};
    }
    return std::nullopt;
  }

  detail::OutsideObjects takeOutside() {
    detail::OutsideObjects outside(entries_.format());
    addBasesTo(outside);
    intake_.links().takeOutside(entries_, stream_.objects(), outside);
    return outside;
  }

  std::vector<std::string> checkOutside() {
    intake_.checkOutsideBlobs();
    return intake_.report().takeWarnings();
  }

  bool brings(const ObjectId& id) const noexcept {
    const auto entry = entries_.find(id.data());
    return entry && *entry < stream_.objects();
  }

  std::uint64_t objects() const noexcept { return stream_.objects(); }

  std::vector<ObjectId> commits() const {
    std::vector<ObjectId> found;
    for (std::uint32_t entry = 0; entry < stream_.objects(); ++entry) {
      if (entries_[entry].type == ObjectType::commit) found.push_back(entries_.id(entry));
    }
    return found;
  }

  ObjectId entryId(std::uint32_t entry) const { return entries_.id(entry); }

 private:
  /// The bases that were taken from the repository, and those that are nowhere. A pack may bring what it is
  /// itself made of.
  void addBasesTo(detail::OutsideObjects& outside) {
    detail::IdTable& bases = stream_.refBases();
    if (bases.size() == 0) return;
    std::vector<bool> brought(bases.size());
    for (std::uint32_t entry = 0; entry < stream_.objects(); ++entry) {
      if (!entries_[entry].resolved) continue;
      if (const auto base = bases.find(entries_.idBytes(entry))) brought[*base] = true;
    }
    for (std::uint32_t base = 0; base < bases.size(); ++base) {
      if (!brought[base]) addBaseTo(outside, base);
    }
    for (const detail::OutsideBase& base : usedBases_)
      addBaseTo(outside, base.number);
  }

  void addBaseTo(detail::OutsideObjects& outside, std::uint32_t base) {
    outside.add(stream_.refBases().id(base), {.role = detail::OutsideObjects::base});
  }

  void checkBases() {
    detail::OutsideObjects bases(entries_.format());
    addBasesTo(bases);
    if (!options_.mayUse(bases)) throw base::Error(base::Errc::invalidArgument, kLostBases);
  }

  MemoryBudget& memory() noexcept { return options_.memory != nullptr ? *options_.memory : ownMemory_; }

  void reportReceived() {
    if (!options_.progress) return;
    const auto now = std::chrono::steady_clock::now();
    if (!complete() && now - reported_ < kProgressEvery) return;
    reported_ = now;
    options_.progress({PackProgress::Phase::receiving, entries_.size(), stream_.objects(), stream_.bytes()});
  }

  void resolve(PackSummary& summary, detail::UnpackTime::Spell& spell) {
    packHash_ = stream_.trailer();
    const std::uint64_t dataEnd = file_.size() - packHash_.size();
    detail::DeltaResolver resolver({file_, dataEnd, intake_, options_.existing, options_.limits, memory(),
                                    time_, stream_.refBases(), stream_.firstRefChild(), options_.stop,
                                    options_.progress, usedBases_});
    resolver.run(spell);
    summary.deltas = resolver.deltas();
    entries_.sortById();
    const auto read = [&](std::uint32_t entry) { return resolver.read(entry); };
    intake_.checkSpecialBlobs(read);
    intake_.compareTwins(read, memory(), options_.stop);
    summary.basesAdded = addBases(dataEnd);
  }

  /// What a thin pack left out goes to its end, so that the pack stands for itself.
  std::uint64_t addBases(std::uint64_t dataEnd) {
    std::vector<detail::OutsideBase> missing;
    for (const detail::OutsideBase& base : usedBases_) {
      if (!entries_.find(stream_.refBases().id(base.number))) missing.push_back(base);
    }
    if (missing.empty()) return 0;
    std::sort(missing.begin(), missing.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    file_.shorten(dataEnd);
    for (const detail::OutsideBase& base : missing)
      addBase(ObjectId(entries_.format(), stream_.refBases().id(base.number)));
    file_.writeAt(8, bigEndian32(entries_.size()));
    packHash_ = detail::hashFile(file_, file_.size(), entries_.format());
    file_.append(packHash_.bytes());
    entries_.sortById();
    return missing.size();
  }

  void addBase(const ObjectId& id) {
    const auto object = options_.existing.find(id, options_.limits.objectBytes.value);
    if (!object) throw base::Error(base::Errc::corrupt, "an object vanished from the repository");
    const std::string head = entryHead(object->type, object->data.size());
    const std::string data = detail::deflate(object->data);
    detail::IncomingEntry entry;
    entry.offset = file_.size();
    entry.size = object->data.size();
    entry.crc = detail::crc32(detail::crc32(0, head), data);
    entry.stored = static_cast<detail::StoredType>(object->type);
    file_.append(head);
    file_.append(data);
    entries_.resolve(entries_.add(entry), object->type, id);
  }

  void publish(PackSummary& summary) {
    detail::IncomingFile index(options_.folder);
    detail::writeIndex(entries_, packHash_, index);
    const std::string name = "pack-" + packHash_.hex();
    file_.publish(name + ".pack");
    summary.index = index.publish(name + ".idx");
    base::fsyncFolder(options_.folder);
    summary.name = packHash_;
  }

  PackReceiverOptions options_;
  MemoryBudget ownMemory_;
  detail::UnpackTime time_;
  detail::IncomingEntries entries_;
  detail::ObjectIntake intake_;
  detail::IncomingFile file_;
  detail::PackStream stream_;
  std::vector<detail::OutsideBase> usedBases_;
  ObjectId packHash_;
  std::chrono::steady_clock::time_point reported_{};
};

PackReceiver::PackReceiver(PackReceiverOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

PackReceiver::~PackReceiver() = default;

std::size_t PackReceiver::append(std::string_view bytes) {
  return state_->append(bytes);
}

bool PackReceiver::complete() const noexcept {
  return state_->complete();
}

PackSummary PackReceiver::finish() {
  return state_->finish();
}

detail::OutsideObjects PackReceiver::takeOutside() {
  return state_->takeOutside();
}

std::vector<std::string> PackReceiver::checkOutside() {
  return state_->checkOutside();
}

bool PackReceiver::brings(const ObjectId& id) const noexcept {
  return state_->brings(id);
}

std::uint64_t PackReceiver::objects() const noexcept {
  return state_->objects();
}

std::vector<ObjectId> PackReceiver::commits() const {
  return state_->commits();
}

ObjectId PackReceiver::entryId(std::uint32_t entry) const {
  return state_->entryId(entry);
}

std::optional<MissingObject> PackReceiver::findMissing(const std::vector<ObjectId>& tips) const {
  return state_->findMissing(tips);
}

}  // namespace git
