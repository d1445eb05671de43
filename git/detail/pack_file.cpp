#include "git/detail/pack_file.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace git::detail {
namespace {

std::uint64_t nextSerial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

std::filesystem::path packBeside(std::filesystem::path index) {
  return index.replace_extension(".pack");
}

}  // namespace

PackFile::PackFile(const std::filesystem::path& index, ObjectFormat format)
    : serial_(nextSerial()),
      name_(index.stem().string()),
      indexFile_(index),
      packFile_(packBeside(index)),
      index_(indexFile_.bytes(), format),
      view_(packFile_.bytes(), format) {
  if (view_.count() != index_.count() || index_.packHash() != view_.trailer())
    throw base::Error(base::Errc::corrupt, "a pack and its index do not belong together: run git index-pack");
}

std::span<const std::uint32_t> PackFile::byOffset() const {
  std::call_once(sorted_, [this] {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> entries(count());
    for (std::uint32_t position = 0; position < count(); ++position)
      entries[position] = {index_.offsetAt(position), position};
    std::sort(entries.begin(), entries.end());
    byOffset_.reserve(entries.size());
    for (const auto& entry : entries)
      byOffset_.push_back(entry.second);
  });
  return byOffset_;
}

std::optional<std::uint32_t> PackFile::positionAt(std::uint64_t offset) const {
  const auto order = byOffset();
  const auto found = std::lower_bound(
      order.begin(), order.end(), offset,
      [&](std::uint32_t position, auto wanted) { return index_.offsetAt(position) < wanted; });
  if (found == order.end() || index_.offsetAt(*found) != offset) return std::nullopt;
  return *found;
}

}  // namespace git::detail
