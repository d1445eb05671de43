// A compact set of object ids that numbers them.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace git::detail {

/// Numbers ids in the order in which they come. Open addressing over 4-byte places, ids in blocks that never
/// move: about 10 bytes an id beside the id itself. The hash is keyed, since a stranger chooses the ids.
/// Several threads may find() while none inserts.
class IdTable {
 public:
  IdTable(std::size_t idBytes, std::uint64_t key) : idBytes_(idBytes), key_(key | 1), places_(64) {}

  std::uint32_t size() const noexcept { return size_; }
  const std::uint8_t* id(std::uint32_t number) const noexcept {
    return blocks_[number / kBlock].get() + number % kBlock * idBytes_;
  }

  std::optional<std::uint32_t> find(const std::uint8_t* id) const noexcept {
    const std::uint32_t place = places_[locate(places_, id)];
    if (place == 0) return std::nullopt;
    return place - 1;
  }

  /// The id's number, and whether it is new.
  std::pair<std::uint32_t, bool> insert(const std::uint8_t* id) {
    if ((std::size_t{size_} + 1) * 3 > places_.size() * 2) grow();
    std::uint32_t& place = places_[locate(places_, id)];
    if (place != 0) return {place - 1, false};
    if (size_ % kBlock == 0)
      blocks_.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(kBlock * idBytes_));
    place = ++size_;
    std::memcpy(blocks_.back().get() + (size_ - 1) % kBlock * idBytes_, id, idBytes_);
    return {size_ - 1, true};
  }

 private:
  static constexpr std::uint32_t kBlock = 1024;

  std::size_t locate(const std::vector<std::uint32_t>& places, const std::uint8_t* id) const noexcept {
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, id, sizeof low);
    std::memcpy(&high, id + 8, sizeof high);
    std::uint64_t hash = (low ^ key_) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (hash >> 29) ^ high) * key_;
    std::size_t at = (hash >> 20) & (places.size() - 1);
    while (places[at] != 0 && std::memcmp(this->id(places[at] - 1), id, idBytes_) != 0)
      at = (at + 1) & (places.size() - 1);
    return at;
  }

  void grow() {
    std::vector<std::uint32_t> bigger(places_.size() * 2);
    for (std::uint32_t number = 0; number < size_; ++number)
      bigger[locate(bigger, id(number))] = number + 1;
    places_ = std::move(bigger);
  }

  std::size_t idBytes_;
  std::uint64_t key_;
  std::uint32_t size_ = 0;
  std::vector<std::uint32_t> places_;  // number + 1; 0 is free
  std::vector<std::unique_ptr<std::uint8_t[]>> blocks_;
};

/// A key that nobody outside can know.
std::uint64_t randomTableKey();

}  // namespace git::detail
