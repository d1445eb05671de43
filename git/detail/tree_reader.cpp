#include "git/detail/tree_reader.h"

#include <cstring>

namespace git::detail {

std::optional<TreeEntry> TreeReader::next() noexcept {
  constexpr std::size_t kMaxModeDigits = 8;
  if (rest_.empty() || malformed_) return std::nullopt;
  TreeEntry entry;
  std::size_t at = 0;
  for (; at < rest_.size() && rest_[at] != ' '; ++at) {
    if (at == kMaxModeDigits || rest_[at] < '0' || rest_[at] > '7') return fail();
    entry.mode = entry.mode * 8 + static_cast<std::uint32_t>(rest_[at] - '0');
  }
  if (at == 0 || at == rest_.size() || entry.mode > 0xffff) return fail();
  entry.zeroPadded = rest_.front() == '0';
  const char* const start = rest_.data() + at + 1;
  const std::size_t left = rest_.size() - at - 1;
  const auto* end = left == 0 ? nullptr : static_cast<const char*>(std::memchr(start, '\0', left));
  if (end == nullptr) return fail();
  entry.name = {start, static_cast<std::size_t>(end - start)};
  const std::size_t used = at + 1 + entry.name.size() + 1;
  if (rest_.size() - used < idSize_) return fail();
  if (entry.name.empty()) {
    emptyName_ = true;
    return fail();
  }
  entry.id = reinterpret_cast<const std::uint8_t*>(end + 1);
  rest_.remove_prefix(used + idSize_);
  return entry;
}

}  // namespace git::detail
