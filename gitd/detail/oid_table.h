// A compact hash table from object ids to one small value.
#pragma once

#include <git2/oid.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace gitd::detail {

/// Open addressing, 24 bytes a place: a pack of millions of objects fits. The hash is keyed, since a stranger
/// chooses the ids. One thread at a time.
template <typename Value>
class OidTable {
 public:
  explicit OidTable(std::uint64_t key) : key_(key | 1), places_(16) {}

  std::size_t size() const noexcept { return size_; }

  /// nullptr when absent; valid until the next insert.
  Value* find(const git_oid& id) {
    Place& place = places_[locate(places_, id)];
    return place.used ? &place.value : nullptr;
  }

  /// Adds or replaces.
  void insert(const git_oid& id, const Value& value) {
    if ((size_ + 1) * 3 > places_.size() * 2) grow();
    Place& place = places_[locate(places_, id)];
    if (!place.used) ++size_;
    place = Place{id, value, true};
  }

 private:
  struct Place {
    git_oid id{};
    Value value{};
    bool used = false;
  };

  std::size_t locate(const std::vector<Place>& places, const git_oid& id) const {
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, id.id, sizeof low);
    std::memcpy(&high, id.id + 8, sizeof high);
    std::uint64_t hash = (low ^ key_) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (hash >> 29) ^ high) * key_;
    std::size_t at = (hash >> 20) & (places.size() - 1);
    while (places[at].used && git_oid_cmp(&places[at].id, &id) != 0)
      at = (at + 1) & (places.size() - 1);
    return at;
  }

  void grow() {
    std::vector<Place> bigger(places_.size() * 2);
    for (const Place& place : places_) {
      if (place.used) bigger[locate(bigger, place.id)] = place;
    }
    places_ = std::move(bigger);
  }

  std::uint64_t key_;
  std::vector<Place> places_;
  std::size_t size_ = 0;
};

}  // namespace gitd::detail
