#include "git/detail/incoming_entries.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace git::detail {

void IncomingEntries::resolve(std::uint32_t index, ObjectType type, const ObjectId& id) noexcept {
  std::memcpy(ids_.data() + std::size_t{index} * idSize(format_), id.data(), idSize(format_));
  entries_[index].type = type;
  entries_[index].resolved = true;
}

std::optional<std::uint32_t> IncomingEntries::atOffset(std::uint64_t offset) const noexcept {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), offset,
                       [](const IncomingEntry& entry, std::uint64_t at) { return entry.offset < at; });
  if (found == entries_.end() || found->offset != offset) return std::nullopt;
  return static_cast<std::uint32_t>(found - entries_.begin());
}

void IncomingEntries::sortById() {
  byId_.resize(entries_.size());
  std::iota(byId_.begin(), byId_.end(), 0u);
  const std::size_t bytes = idSize(format_);
  std::sort(byId_.begin(), byId_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return std::memcmp(idBytes(a), idBytes(b), bytes) < 0; });
  for (std::size_t i = 1; i < byId_.size(); ++i) {
    if (std::memcmp(idBytes(byId_[i - 1]), idBytes(byId_[i]), bytes) == 0)
      throw base::Error(base::Errc::invalidArgument,
                        "the same object " + id(byId_[i]).hex() + " appears twice in the pack");
  }
  fanout_.assign(257, 0);
  for (const std::uint32_t index : byId_)
    ++fanout_[std::size_t{*idBytes(index)} + 1];
  std::partial_sum(fanout_.begin(), fanout_.end(), fanout_.begin());
}

std::optional<std::uint32_t> IncomingEntries::find(const std::uint8_t* id) const noexcept {
  if (byId_.empty()) return std::nullopt;
  const auto end = byId_.begin() + fanout_[std::size_t{*id} + 1];
  const std::size_t bytes = idSize(format_);
  const auto found = std::lower_bound(byId_.begin() + fanout_[*id], end, id,
                                      [&](std::uint32_t index, const std::uint8_t* wanted) {
                                        return std::memcmp(idBytes(index), wanted, bytes) < 0;
                                      });
  if (found == end || std::memcmp(idBytes(*found), id, bytes) != 0) return std::nullopt;
  return *found;
}

}  // namespace git::detail
