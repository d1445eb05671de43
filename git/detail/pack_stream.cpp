#include "git/detail/pack_stream.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"
#include "git/detail/delta.h"

namespace git::detail {
namespace {

// Up to this size an entry is inflated whole, by the faster library; beyond it in pieces.
constexpr std::uint64_t kWholeBytes = IntakePipe::kMostRoom;
// Beyond this size a blob is hashed in pieces and never held.
constexpr std::uint64_t kHeldBlobBytes = 1u << 20;
constexpr std::size_t kPieceBytes = 64u << 10;
constexpr std::size_t kPackHeaderBytes = 12;
// Unpacked bytes that no ratio is asked of.
constexpr std::uint64_t kRatioFree = std::uint64_t{256} << 20;

[[noreturn]] void damaged(const std::string& what) {
  throw base::Error(base::Errc::invalidArgument, "the pack is damaged: " + what);
}

std::uint32_t bigEndian32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

bool severalThreads(const ReceiveLimits& limits) {
  return limits.threads == 0 ? std::thread::hardware_concurrency() > 1 : limits.threads > 1;
}

}  // namespace

void throwOverLimit(std::string_view what, const Limit& limit) {
  throw base::Error(base::Errc::invalidArgument, std::string(what) + " more than " +
                                                     std::to_string(limit.value) +
                                                     "; the limit is the setting " + limit.setting);
}

PackStream::PackStream(const Parts& parts)
    : parts_(parts),
      pipe_({parts.intake, parts.file, parts.time, severalThreads(parts.limits)}),
      refBases_(idSize(parts.intake.entries().format()), randomTableKey()) {}

std::size_t PackStream::append(std::string_view bytes) {
  window_.append(bytes);
  received_ += bytes.size();
  while (state_ != State::complete && step()) {
    if (position_ > parts_.limits.packBytes.value)
      throwOverLimit("the pack's bytes are", parts_.limits.packBytes);
  }
  const std::size_t left = window_.size() - at_;
  if (state_ == State::complete) {
    received_ -= left;
    window_.clear();
    at_ = passed_ = 0;
    return bytes.size() - left;
  }
  if (received_ > parts_.limits.packBytes.value)
    throwOverLimit("the pack's bytes are", parts_.limits.packBytes);
  passRaw();
  window_.erase(0, at_);
  at_ = passed_ = 0;
  return bytes.size();
}

/// What was read since the last time.
void PackStream::passRaw() {
  pipe_.raw(std::string_view(window_).substr(passed_, at_ - passed_));
  passed_ = at_;
}

bool PackStream::step() {
  switch (state_) {
    case State::header:
      return takeHeader();
    case State::entry:
      return takeEntryHead();
    case State::whole:
      return inflateWhole();
    case State::stream:
      return inflateStream();
    case State::trailer:
      return takeTrailer();
    case State::complete:
      break;
  }
  return false;
}

/// Every entry goes through here.
void PackStream::advance(std::size_t count) {
  const std::string_view taken = rest().substr(0, count);
  entry_.crc = crc32(entry_.crc, taken);
  at_ += count;
  position_ += count;
}

bool PackStream::takeHeader() {
  const std::string_view head = rest();
  if (head.size() < kPackHeaderBytes) return false;
  if (!head.starts_with("PACK")) damaged("it does not begin with PACK");
  const std::uint32_t version = bigEndian32(head.substr(4));
  if (version != 2 && version != 3) damaged("its version is " + std::to_string(version));
  objectCount_ = bigEndian32(head.substr(8));
  if (objectCount_ > parts_.limits.packObjects.value)
    throwOverLimit("the pack's objects are", parts_.limits.packObjects);
  parts_.intake.links().setObjectCount(objectCount_);
  advance(kPackHeaderBytes);
  state_ = objectCount_ > 0 ? State::entry : State::trailer;
  return true;
}

bool PackStream::takeEntryHead() {
  // Type and size, then for a delta its base, must be there as a whole: at most 10 bytes and 32.
  constexpr std::size_t kMostBytes = 10 + 32;
  if (parts_.stop.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
  std::string_view head = rest();
  const bool partial = head.size() < kMostBytes;
  entry_ = IncomingEntry{};
  entry_.offset = position_;
  plainSize_ = 0;
  unsigned shift = 0;
  std::size_t used = 0;
  for (bool more = true; more; ++used) {
    if (used == head.size()) return false;
    const auto byte = static_cast<unsigned char>(head[used]);
    if (used == 0) {
      entry_.stored = static_cast<StoredType>(byte >> 4 & 7u);
      plainSize_ = byte & 15u;
      shift = 4;
    } else {
      const std::uint64_t bits = byte & 0x7fu;
      if (shift > 63 || (bits << shift) >> shift != bits) damaged("an object's size is too large");
      plainSize_ |= bits << shift;
      shift += 7;
    }
    more = (byte & 0x80u) != 0;
  }
  head.remove_prefix(used);
  const std::size_t before = head.size();
  if (entry_.isDelta()) {
    if (partial && entry_.stored == StoredType::refDelta &&
        head.size() < idSize(parts_.intake.entries().format()))
      return false;
    if (partial && entry_.stored == StoredType::offsetDelta &&
        std::none_of(head.begin(), head.end(),
                     [](char c) { return (static_cast<unsigned char>(c) & 0x80u) == 0; }))
      return false;
    noteBase(head);
  } else {
    const auto type = static_cast<unsigned>(entry_.stored);
    if (type < 1 || type > 4) damaged("an object has the unknown type " + std::to_string(type));
    entry_.type = static_cast<ObjectType>(type);
    entry_.size = plainSize_;
  }
  if (plainSize_ > parts_.limits.objectBytes.value)
    throwOverLimit(entry_.isDelta() ? "a delta's bytes are" : "an object's bytes are",
                   parts_.limits.objectBytes);
  if (!entry_.isDelta() && entry_.type != ObjectType::blob && plainSize_ > parts_.limits.treeBytes.value)
    throwOverLimit("the bytes of a tree, commit or tag are", parts_.limits.treeBytes);
  advance(used + before - head.size());
  beginData();
  return true;
}

/// Takes a delta's base off the front of `rest`.
void PackStream::noteBase(std::string_view& rest) {
  const IncomingEntries& entries = parts_.intake.entries();
  if (entry_.stored == StoredType::refDelta) {
    const auto* id = reinterpret_cast<const std::uint8_t*>(rest.data());
    const auto [number, isNew] = refBases_.insert(id);
    if (isNew) firstRefChild_.push_back(kNoEntry);
    entry_.nextSibling = firstRefChild_[number];
    firstRefChild_[number] = entries.size();
    rest.remove_prefix(idSize(entries.format()));
    return;
  }
  std::uint64_t distance = 0;
  for (bool first = true;; first = false) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    if (!first) ++distance;
    if (distance > entry_.offset) damaged("a delta's base lies before the pack");
    distance = distance << 7 | (byte & 0x7fu);
    if ((byte & 0x80u) == 0) break;
    if (rest.empty()) damaged("a delta's base has too many digits");
  }
  const auto base = distance > entry_.offset ? std::nullopt : entries.atOffset(entry_.offset - distance);
  if (!base) damaged("no object is where a delta says that its base is");
  entry_.base = *base;
  const unsigned depth = entries[*base].depth + 1u;
  if (depth > parts_.limits.deltaDepth.value) throwOverLimit("a delta's chain is", parts_.limits.deltaDepth);
  entry_.depth = static_cast<std::uint16_t>(std::min(depth, 0xffffu));
}

void PackStream::beginData() {
  plainDone_ = 0;
  deltaHead_.clear();
  hashesPieces_ = !entry_.isDelta() && entry_.type == ObjectType::blob && plainSize_ > kHeldBlobBytes;
  if (!entry_.isDelta()) unpacked_ += plainSize_;
  // Other windows than the largest are left to zlib, which sees to it that they are kept to.
  const bool usual = rest().empty() || rest().front() == '\x78';
  if (plainSize_ <= kWholeBytes && usual) {
    state_ = State::whole;
    return;
  }
  state_ = State::stream;
  streamInflater_.restart();
  if (hashesPieces_) {
    pipe_.startBlob(plainSize_);
  } else if (!entry_.isDelta()) {
    share_.emplace(parts_.memory.take(plainSize_, parts_.stop));
    plain_.clear();
    plain_.reserve(plainSize_);
  }
}

bool PackStream::inflateWhole() {
  const std::string_view data = rest();
  char* plain = pipe_.room(plainSize_);
  const auto taken = wholeInflater_.inflate(data, plain, plainSize_);
  if (!taken) {
    // Damaged, or not all here: read in pieces, which tells the difference without waiting for more.
    state_ = State::stream;
    streamInflater_.restart();
    plain_.clear();
    return true;
  }
  advance(*taken);
  const std::uint32_t index = parts_.intake.entries().size();
  if (entry_.isDelta()) takeDeltaHead({plain, plainSize_});
  endEntry();
  if (!entry_.isDelta()) pipe_.object(index, entry_.type, plainSize_);
  return true;
}

bool PackStream::inflateStream() {
  char* piece = pipe_.room(kPieceBytes);
  const auto step = streamInflater_.inflate(rest(), piece, kPieceBytes);
  advance(step.taken);
  plainDone_ += step.made;
  if (plainDone_ > plainSize_) damaged("an object is longer than it says");
  const std::string_view made(piece, step.made);
  if (entry_.isDelta()) {
    if (deltaHead_.size() < kDeltaHeadMax) {
      deltaHead_.append(made.substr(0, kDeltaHeadMax - deltaHead_.size()));
      // Its result's size is known before the rest of a large delta is read.
      if (deltaHead_.size() == kDeltaHeadMax || step.ended) takeDeltaHead(deltaHead_);
    }
  } else if (hashesPieces_) {
    pipe_.addToBlob(step.made);
  } else {
    plain_.append(made);
  }
  if (!step.ended) return step.taken > 0 || step.made > 0;
  if (plainDone_ != plainSize_) damaged("an object is shorter than it says");
  const std::uint32_t index = parts_.intake.entries().size();
  endEntry();
  if (hashesPieces_) {
    pipe_.endBlob(index, plainSize_);
  } else if (share_) {
    pipe_.object({index, entry_.type, std::exchange(plain_, {}), std::move(*share_)});
    share_.reset();
  } else if (!entry_.isDelta()) {
    std::copy(plain_.begin(), plain_.end(), pipe_.room(plain_.size()));
    pipe_.object(index, entry_.type, plain_.size());
    plain_.clear();
  }
  return true;
}

void PackStream::takeDeltaHead(std::string_view plain) {
  const auto head = parseDeltaHead(plain);
  if (!head) damaged("a delta has no sizes");
  if (head->resultSize > parts_.limits.objectBytes.value || head->baseSize > parts_.limits.objectBytes.value)
    throwOverLimit("an object's bytes are", parts_.limits.objectBytes);
  if (entry_.base != kNoEntry && parts_.intake.entries()[entry_.base].size != head->baseSize)
    damaged("a delta is for a base of another size");
  entry_.size = head->resultSize;
  unpacked_ += head->resultSize;
}

/// The entry's bytes are all read: notes it.
void PackStream::endEntry() {
  IncomingEntries& entries = parts_.intake.entries();
  if (unpacked_ > parts_.limits.unpackedBytes.value)
    throwOverLimit("the pack's unpacked bytes are", parts_.limits.unpackedBytes);
  if (entry_.base != kNoEntry) {
    IncomingEntry& base = entries[entry_.base];
    entry_.nextSibling = base.firstChild;
    base.firstChild = entries.size();
  }
  entries.add(entry_);
  if (entries.size() < objectCount_) {
    state_ = State::entry;
    return;
  }
  state_ = State::trailer;
  const Limit& ratio = parts_.limits.unpackedRatio;
  if (unpacked_ > kRatioFree &&
      (unpacked_ - kRatioFree) / std::max<std::uint64_t>(position_, 1) >= ratio.value)
    throwOverLimit("the pack's unpacked bytes for each of its own are", ratio);
}

bool PackStream::takeTrailer() {
  const ObjectFormat format = parts_.intake.entries().format();
  if (rest().size() < idSize(format)) return false;
  trailer_ = ObjectId(format, rest().data());
  passRaw();
  if (pipe_.settle() != trailer_) damaged("its checksum does not match");
  parts_.file.append(trailer_.bytes());
  at_ += idSize(format);
  position_ += idSize(format);
  state_ = State::complete;
  return true;
}

}  // namespace git::detail
