#include "gitd/detail/pack_scanner.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kIdBytes = 20;
constexpr unsigned kOfsDelta = 6;
constexpr unsigned kRefDelta = 7;
// Two sizes of at most 64 bits, 7 bits a byte.
constexpr std::size_t kDeltaHeadBytes = 20;
// zlib's best is about 1000:1, no real history comes near this; without a bound a small pack could keep a
// processor busy for hours.
constexpr std::uint64_t kMaxInflateRatio = 64;
constexpr std::uint64_t kFreeInflatedBytes = 1ull << 30;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::Errc::invalidArgument, why);
}

std::uint32_t bigEndian32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4))
    value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

/// One size of a delta's head; moves `at` behind it, false when it is not whole.
bool deltaSize(std::string_view head, std::size_t& at, std::uint64_t& size) {
  size = 0;
  for (unsigned shift = 0; at < head.size() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(head[at++]);
    size |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

}  // namespace

struct PackScanner::Inflater {
  Inflater() {
    if (inflateInit(&stream) != Z_OK) throw base::Error(base::Errc::internal, "no memory for unpacking");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream{};
  std::array<char, 64u << 10> plain{};
};

PackScanner::PackScanner(const PackLimits& limits)
    : limits_(limits), inflater_(std::make_unique<Inflater>()) {}
PackScanner::~PackScanner() = default;

std::size_t PackScanner::scan(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ != State::complete) {
    const std::size_t count = step(bytes.substr(taken));
    taken += count;
    bytes_ += count;
    if (bytes_ > limits_.maxBytes) {
      refuse("the pack is larger than " + base::formatBytes(limits_.maxBytes) + " (setting pack_max_bytes)");
    }
  }
  return taken;
}

std::size_t PackScanner::step(std::string_view bytes) {
  switch (state_) {
    case State::header: {
      const std::size_t count = collect(bytes, kHeaderBytes);
      if (collected_.size() == kHeaderBytes) parseHeader();
      return count;
    }
    case State::objectHeader:
      return objectHeader(static_cast<unsigned char>(bytes.front()));
    case State::deltaOffset:
      return deltaOffset(static_cast<unsigned char>(bytes.front()));
    case State::deltaBase: {
      const std::size_t count = collect(bytes, kIdBytes);
      if (collected_.size() == kIdBytes) beginData();
      return count;
    }
    case State::data:
      return inflateSome(bytes);
    case State::trailer: {
      const std::size_t count = collect(bytes, kIdBytes);
      if (collected_.size() == kIdBytes) state_ = State::complete;
      return count;
    }
    case State::complete:
      break;
  }
  return 0;
}

std::size_t PackScanner::collect(std::string_view bytes, std::size_t wanted) {
  const std::size_t count = std::min(bytes.size(), wanted - collected_.size());
  collected_.append(bytes.substr(0, count));
  return count;
}

void PackScanner::parseHeader() {
  if (!collected_.starts_with("PACK")) refuse("these bytes are not a pack");
  const std::uint32_t version = bigEndian32(std::string_view(collected_).substr(4));
  if (version != 2 && version != 3) refuse("pack version " + std::to_string(version) + " is not known");
  objectCount_ = objectsLeft_ = bigEndian32(std::string_view(collected_).substr(8));
  if (objectCount_ > limits_.maxObjects) {
    refuse("the pack has more than " + std::to_string(limits_.maxObjects) +
           " objects (setting pack_max_objects)");
  }
  collected_.clear();
  state_ = objectsLeft_ > 0 ? State::objectHeader : State::trailer;
}

std::size_t PackScanner::objectHeader(unsigned char byte) {
  if (shift_ == 0) {
    type_ = (byte >> 4) & 7;
    size_ = byte & 15;
    shift_ = 4;
  } else {
    if (shift_ > 57) refuse("an object's size in the pack is not valid");
    size_ |= static_cast<std::uint64_t>(byte & 0x7f) << shift_;
    shift_ += 7;
  }
  if ((byte & 0x80) != 0) return 1;
  shift_ = 0;
  checkObjectSize(size_);
  if (type_ == 0 || type_ == 5) refuse("an object in the pack is of unknown type " + std::to_string(type_));
  collected_.clear();
  if (type_ == kOfsDelta) {
    state_ = State::deltaOffset;
  } else if (type_ == kRefDelta) {
    state_ = State::deltaBase;
  } else {
    beginData();
  }
  return 1;
}

std::size_t PackScanner::deltaOffset(unsigned char byte) {
  collected_.push_back(static_cast<char>(byte));
  if (collected_.size() > 10) refuse("a delta's offset in the pack is not valid");
  if ((byte & 0x80) == 0) beginData();
  return 1;
}

void PackScanner::beginData() {
  collected_.clear();
  deltaHead_.clear();
  inflated_ = 0;
  inflateReset(&inflater_->stream);
  state_ = State::data;
}

std::size_t PackScanner::inflateSome(std::string_view bytes) {
  z_stream& stream = inflater_->stream;
  const std::size_t given = std::min<std::size_t>(bytes.size(), 1u << 30);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(given);
  int rc = Z_OK;
  while (rc == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(inflater_->plain.data());
    stream.avail_out = static_cast<uInt>(inflater_->plain.size());
    rc = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = inflater_->plain.size() - stream.avail_out;
    inflated_ += got;
    inflatedInAll_ += got;
    if (inflated_ > size_) refuse("an object in the pack is longer than its header says");
    if (inflatedInAll_ > kFreeInflatedBytes && inflatedInAll_ / kMaxInflateRatio > limits_.maxBytes) {
      refuse("the pack expands to more than " + std::to_string(kMaxInflateRatio) +
             " times the setting pack_max_bytes");
    }
    if (type_ == kOfsDelta || type_ == kRefDelta) noteDeltaHead({inflater_->plain.data(), got});
    if (got < inflater_->plain.size() && stream.avail_in == 0) break;
  }
  if (rc == Z_STREAM_END) {
    endObject();
  } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
    refuse("an object in the pack is damaged");
  }
  return given - stream.avail_in;
}

void PackScanner::noteDeltaHead(std::string_view plain) {
  if (deltaHead_.size() < kDeltaHeadBytes)
    deltaHead_.append(plain.substr(0, kDeltaHeadBytes - deltaHead_.size()));
}

void PackScanner::endObject() {
  if (inflated_ != size_) refuse("an object in the pack is shorter than its header says");
  if (type_ == kOfsDelta || type_ == kRefDelta) {
    std::size_t at = 0;
    std::uint64_t baseSize = 0;
    std::uint64_t resultSize = 0;
    if (!deltaSize(deltaHead_, at, baseSize) || !deltaSize(deltaHead_, at, resultSize))
      refuse("a delta in the pack is damaged");
    checkObjectSize(baseSize);
    checkObjectSize(resultSize);
  }
  state_ = --objectsLeft_ > 0 ? State::objectHeader : State::trailer;
  collected_.clear();
}

void PackScanner::checkObjectSize(std::uint64_t size) const {
  if (size > limits_.maxObjectBytes) {
    refuse("a file in the push is larger than " + base::formatBytes(limits_.maxObjectBytes) +
           " (setting object_max_bytes)");
  }
}

}  // namespace gitd::detail
