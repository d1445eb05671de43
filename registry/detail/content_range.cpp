#include "registry/detail/content_range.h"

#include <limits>

#include "base/strings.h"

namespace registry::detail {

std::optional<ContentRange> parseContentRange(std::string_view text) noexcept {
  constexpr std::string_view kUnit = "bytes ";
  text = base::trim(text);
  if (text.starts_with(kUnit)) {
    text.remove_prefix(kUnit.size());
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    std::uint64_t size = 0;
    const std::string_view sizeText = text.substr(slash + 1);
    if (sizeText != "*" && !base::parseNumber(sizeText, size)) return std::nullopt;
    text = text.substr(0, slash);
  }
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  ContentRange range{};
  if (!base::parseNumber(text.substr(0, dash), range.first)) return std::nullopt;
  if (!base::parseNumber(text.substr(dash + 1), range.last)) return std::nullopt;
  // The length of all numbers at once would not fit.
  if (range.last < range.first || range.last == std::numeric_limits<std::uint64_t>::max())
    return std::nullopt;
  return range;
}

}  // namespace registry::detail
