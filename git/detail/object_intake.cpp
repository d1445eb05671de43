#include "git/detail/object_intake.h"

#include <limits>

#include "base/error.h"

namespace git::detail {
namespace {

[[noreturn]] void throwCollision(const ObjectId& id) {
  throw base::Error(base::Errc::invalidArgument, "SHA1 COLLISION FOUND WITH " + id.hex() +
                                                     " !: the repository has another object of that name");
}

}  // namespace

ObjectIntake::ObjectIntake(const Parts& parts)
    : parts_(parts), report_(parts.policy), links_(parts.existing, randomTableKey(), parts.outside) {}

void ObjectIntake::noteSpecialBlob(const ObjectId& id, FsckMessage whenMissing) {
  const std::lock_guard lock(mutex_);
  SpecialBlob& special = special_[id];
  bool& kind = whenMissing == FsckMessage::gitmodulesMissing ? special.gitmodules : special.gitattributes;
  // Named as something new after it was checked: once more.
  if (!kind) special.checked = false;
  kind = true;
  anySpecial_ = true;
}

void ObjectIntake::checkIfSpecial(const ObjectId& id, std::string_view bytes) {
  if (!anySpecial_) return;
  SpecialBlob special;
  {
    const std::lock_guard lock(mutex_);
    const auto found = special_.find(id);
    if (found == special_.end() || found->second.checked) return;
    found->second.checked = true;
    special = found->second;
  }
  checkSpecial(id, special, bytes);
}

void ObjectIntake::checkSpecial(const ObjectId& id, const SpecialBlob& special, std::string_view bytes) {
  if (special.gitmodules) {
    if (bytes.size() > kMaxGitmodules) {
      report_.add(id, FsckMessage::gitmodulesLarge, ".gitmodules too large to parse");
    } else {
      checkGitmodules(id, bytes, report_);
    }
  }
  if (special.gitattributes) checkGitattributes(id, bytes, report_);
}

void ObjectIntake::checkSpecialBlobs(const std::function<std::string(std::uint32_t)>& read) {
  for (auto& [id, special] : special_) {
    if (special.checked || (parts_.outside && !parts_.entries.find(id.data()))) continue;
    checkLeftSpecial(id, special, read);
    special.checked = true;
  }
}

void ObjectIntake::checkOutsideBlobs() {
  for (auto& [id, special] : special_) {
    if (!special.checked) checkOutsideSpecial(id, special, parts_.existing.findHeader(id));
    special.checked = true;
  }
}

void ObjectIntake::checkLeftSpecial(const ObjectId& id, const SpecialBlob& special,
                                    const std::function<std::string(std::uint32_t)>& read) {
  const auto entry = parts_.entries.find(id.data());
  if (!entry) return checkOutsideSpecial(id, special, parts_.existing.findHeader(id));
  if (isReadable(id, special, ObjectHeader{parts_.entries[*entry].type, parts_.entries[*entry].size}))
    checkSpecial(id, special, read(*entry));
}

void ObjectIntake::checkOutsideSpecial(const ObjectId& id, const SpecialBlob& special,
                                       const std::optional<ObjectHeader>& header) {
  if (!isReadable(id, special, header)) return;
  const auto object = parts_.existing.find(id, kMaxGitattributes);
  if (object) checkSpecial(id, special, object->data);
}

bool ObjectIntake::isReadable(const ObjectId& id, const SpecialBlob& special,
                              const std::optional<ObjectHeader>& header) {
  const auto tell = [&](FsckMessage gitmodules, FsckMessage gitattributes, const std::string& text) {
    if (special.gitmodules) report_.add(id, gitmodules, text + " .gitmodules blob");
    if (special.gitattributes) report_.add(id, gitattributes, text + " .gitattributes blob");
  };
  if (!header) {
    tell(FsckMessage::gitmodulesMissing, FsckMessage::gitattributesMissing, "unable to read");
  } else if (header->type != ObjectType::blob) {
    tell(FsckMessage::gitmodulesBlob, FsckMessage::gitattributesBlob, "not a");
  } else if (header->size > kMaxGitattributes) {
    if (special.gitmodules) report_.add(id, FsckMessage::gitmodulesLarge, ".gitmodules too large to parse");
    if (special.gitattributes)
      report_.add(id, FsckMessage::gitattributesLarge, ".gitattributes too large to parse");
  } else {
    return true;
  }
  return false;
}

void ObjectIntake::noteTwin(std::uint32_t entry) {
  const std::lock_guard lock(mutex_);
  twins_.push_back(entry);
}

void ObjectIntake::compareTwins(const std::function<std::string(std::uint32_t)>& read, MemoryBudget& memory,
                                const std::stop_token& stop) {
  for (const std::uint32_t entry : twins_) {
    const ObjectId id = parts_.entries.id(entry);
    const std::uint64_t size = parts_.entries[entry].size;
    const auto share = memory.take(2 * size, stop);
    const auto object = parts_.existing.find(id, size);
    if (object && object->data != read(entry)) throwCollision(id);
  }
}

IntakeWorker::IntakeWorker(ObjectIntake& intake)
    : intake_(intake), hasher_(intake.entries().format()), recent_(intake.entries().format()) {}

ObjectId IntakeWorker::take(std::uint32_t entry, ObjectType type, std::string_view bytes) {
  const ObjectId id = hasher_.object(type, bytes);
  compareWithExisting(entry, id, type, bytes);
  current_ = entry;
  parentsMayLack_ = false;
  switch (type) {
    case ObjectType::commit:
      parentsMayLack_ = intake_.parts_.shallow.contains(id);
      checkCommit(id, bytes, intake_.report_, *this);
      break;
    case ObjectType::tree:
      checkTree(id, bytes, intake_.report_, *this);
      break;
    case ObjectType::tag:
      checkTag(id, bytes, intake_.report_, *this);
      break;
    case ObjectType::blob:
      intake_.checkIfSpecial(id, bytes);
      break;
  }
  return id;
}

void IntakeWorker::startBlob(std::uint64_t size) {
  hasher_.startObject(ObjectType::blob, size);
}

void IntakeWorker::addToBlob(std::string_view bytes) {
  hasher_.update(bytes);
}

ObjectId IntakeWorker::endBlob(std::uint32_t entry, std::uint64_t size) {
  const ObjectId id = hasher_.finish();
  if (hasTwin(id, {ObjectType::blob, size})) intake_.noteTwin(entry);
  return id;
}

bool IntakeWorker::hasTwin(const ObjectId& id, const ObjectHeader& header) const {
  const ObjectSource& existing = intake_.parts_.existing;
  const auto found = existing.contains(id) ? existing.findHeader(id) : std::nullopt;
  if (found && (found->type != header.type || found->size != header.size)) throwCollision(id);
  return found.has_value();
}

void IntakeWorker::compareWithExisting(std::uint32_t entry, const ObjectId& id, ObjectType type,
                                       std::string_view bytes) {
  constexpr std::size_t kComparedAtOnce = std::size_t{1} << 20;
  if (!hasTwin(id, {type, bytes.size()})) return;
  if (bytes.size() > kComparedAtOnce) return intake_.noteTwin(entry);
  const auto object = intake_.parts_.existing.find(id, kComparedAtOnce);
  if (object && object->data != bytes) throwCollision(id);
}

void IntakeWorker::link(const std::uint8_t* id, ObjectType type) {
  if (parentsMayLack_ && type == ObjectType::commit) return;
  if (!recent_.note(id, type)) intake_.links_.add(id, type, current_);
}

void IntakeWorker::specialBlob(const std::uint8_t* id, FsckMessage whenMissing) {
  intake_.noteSpecialBlob(ObjectId(intake_.entries().format(), id), whenMissing);
}

}  // namespace git::detail
