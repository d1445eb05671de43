#include "git/detail/idx_reader.h"

#include <cstring>

#include "base/error.h"
#include "git/detail/big_endian.h"

namespace git::detail {
namespace {

constexpr std::string_view kMagic = "\377tOc";
constexpr std::size_t kFanoutBytes = 256 * 4;
constexpr std::uint32_t kLargeFlag = 0x80000000u;
// Ids are spread evenly, so a guess by value lands near; one who chooses ids gets plain halving after these.
constexpr int kGuesses = 4;

[[noreturn]] void throwDamaged() {
  throw base::Error(base::Errc::corrupt, "the index of a pack is damaged: run git index-pack on the pack");
}

}  // namespace

IdxReader::IdxReader(std::string_view bytes, ObjectFormat format) : bytes_(bytes), format_(format) {
  const std::size_t id = idSize(format);
  const bool versioned = bytes.starts_with(kMagic);
  const std::size_t start = versioned ? 8 : 0;
  if (bytes.size() < start + kFanoutBytes + 2 * id) throwDamaged();
  if (versioned && readBig32(bytes.data() + 4) != 2) throwDamaged();
  fanout_ = bytes.data() + start;
  for (std::uint32_t slot = 1; slot < 256; ++slot)
    if (fanout(slot) < fanout(slot - 1)) throwDamaged();
  count_ = fanout(255);
  const std::size_t perObject = versioned ? id + 8 : id + 4;
  const std::size_t rest = bytes.size() - start - kFanoutBytes - 2 * id;
  if (rest / perObject < count_) throwDamaged();
  const std::size_t table = static_cast<std::size_t>(count_) * perObject;
  const char* entries = fanout_ + kFanoutBytes;
  if (versioned) {
    if ((rest - table) % 8 != 0 || (rest - table) / 8 > count_) throwDamaged();
    large_ = static_cast<std::uint32_t>((rest - table) / 8);
    stride_ = id;
    ids_ = entries;
    offsets_ = entries + static_cast<std::size_t>(count_) * (id + 4);
    largeOffsets_ = entries + table;
  } else {
    if (rest != table) throwDamaged();
    stride_ = id + 4;
    ids_ = entries + 4;
  }
}

std::uint32_t IdxReader::fanout(std::uint32_t slot) const noexcept {
  return readBig32(fanout_ + static_cast<std::size_t>(slot) * 4);
}

std::optional<std::uint32_t> IdxReader::find(const ObjectId& id) const noexcept {
  if (count_ == 0 || id.format() != format_) return std::nullopt;
  const std::uint8_t first = id.data()[0];
  std::uint32_t low = first == 0 ? 0 : fanout(first - 1u);
  std::uint32_t high = fanout(first);
  std::uint64_t lowValue = 0;
  std::uint64_t highValue = 0xffffffffu;
  const std::uint64_t wanted = readBig32(reinterpret_cast<const char*>(id.data()) + 1);
  for (int round = 0; low < high; ++round) {
    std::uint32_t middle = low + (high - low) / 2;
    if (round < kGuesses && highValue > lowValue) {
      const std::uint64_t span = high - low;
      const std::uint64_t guess = (wanted - lowValue) * span / (highValue - lowValue + 1);
      middle = low + static_cast<std::uint32_t>(guess < span ? guess : span - 1);
    }
    const char* there = idBytes(middle);
    const int order = std::memcmp(there, id.data(), id.size());
    if (order == 0) return middle;
    const std::uint64_t value = readBig32(there + 1);
    if (order < 0) {
      low = middle + 1;
      if (value > lowValue && value <= wanted) lowValue = value;
    } else {
      high = middle;
      if (value < highValue && value >= wanted) highValue = value;
    }
  }
  return std::nullopt;
}

std::uint64_t IdxReader::offsetAt(std::uint32_t position) const {
  CHECK(position < count_);
  if (offsets_ == nullptr) return readBig32(idBytes(position) - 4);
  const std::uint32_t offset = readBig32(offsets_ + static_cast<std::size_t>(position) * 4);
  if ((offset & kLargeFlag) == 0) return offset;
  const std::uint32_t slot = offset & ~kLargeFlag;
  if (slot >= large_) throwDamaged();
  return readBig64(largeOffsets_ + static_cast<std::size_t>(slot) * 8);
}

std::string_view IdxReader::packHash() const noexcept {
  return bytes_.substr(bytes_.size() - 2 * idSize(format_), idSize(format_));
}

}  // namespace git::detail
