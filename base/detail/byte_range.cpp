#include "base/detail/byte_range.h"

#include <algorithm>

#include "base/strings.h"

namespace base::detail {
namespace {

bool isBytesUnit(std::string_view unit) noexcept {
  constexpr std::string_view kUnit = "bytes";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
  return std::equal(unit.begin(), unit.end(), kUnit.begin(), kUnit.end(), same);
}

}  // namespace

RangeAnswer parseRange(std::string_view header, std::uint64_t size) noexcept {
  const auto equals = header.find('=');
  if (equals == std::string_view::npos || !isBytesUnit(trim(header.substr(0, equals)))) return WholeFile{};
  const std::string_view spec = trim(header.substr(equals + 1));
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return WholeFile{};
  const std::string_view from = spec.substr(0, dash);
  const std::string_view to = spec.substr(dash + 1);
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (from.empty()) {  // the last N bytes
    if (!parseNumber(to, last)) return WholeFile{};
    if (last == 0 || size == 0) return Unsatisfiable{};
    return ByteRange{size - std::min(last, size), size - 1};
  }
  if (!parseNumber(from, first)) return WholeFile{};
  if (!to.empty() && !parseNumber(to, last)) return WholeFile{};
  // One that ends before it begins may be ignored or refused. Refused: who asks so gets nothing that it
  // wants.
  if (first >= size || (!to.empty() && last < first)) return Unsatisfiable{};
  return ByteRange{first, to.empty() ? size - 1 : std::min(last, size - 1)};
}

bool etagListMatches(std::string_view header, std::string_view etag) noexcept {
  if (trim(header) == "*") return true;
  // Tags may hold commas: walk from quote to quote.
  while (true) {
    const auto open = header.find('"');
    if (open == std::string_view::npos) return false;
    const auto close = header.find('"', open + 1);
    if (close == std::string_view::npos) return false;
    if (header.substr(open + 1, close - open - 1) == etag) return true;
    header.remove_prefix(close + 1);
  }
}

}  // namespace base::detail
