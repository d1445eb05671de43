#include "base/strings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/detail/utf8.h"

namespace base {
namespace {

/// May this character reach a terminal? Not the C0 and C1 controls, nor what reorders the text around it.
bool isHarmless(char32_t code) noexcept {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  const bool reorders = code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
                        (code >= 0x2066 && code <= 0x2069);
  return !reorders && code != 0x2028 && code != 0x2029;
}

/// Damerau-Levenshtein distance (optimal string alignment): a swap of neighbours counts as one.
std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> beforeLast(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(beforeLast, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitute});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], beforeLast[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (const auto& part : parts) {
    if (&part != &parts.front()) joined += separator;
    joined += part;
  }
  return joined;
}

std::string formatBytes(std::uint64_t bytes) {
  constexpr std::uint64_t kKilo = 1024;
  if (bytes < kKilo) return std::to_string(bytes) + "B";
  const std::uint64_t kilos = (bytes + kKilo / 2) / kKilo;
  if (kilos < kKilo) return std::to_string(kilos) + "K";
  double value = static_cast<double>(bytes) / (1024.0 * 1024.0);
  constexpr std::array<char, 4> kUnits = {'M', 'G', 'T', 'P'};
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {  // what would be rounded up to 1024.0
    value /= 1024.0;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f%c", value, kUnits[unit]);
  return text.data();
}

std::string shellQuote(std::string_view word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string printable(std::string_view text, std::size_t maxBytes) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t length = detail::utf8Length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    const bool keep = length > 0 && isHarmless(detail::utf8Decode(character));
    const std::string_view piece = keep ? character : "?";
    if (shown.size() + piece.size() > maxBytes) break;
    shown += piece;
    text.remove_prefix(character.size());
  }
  return shown;
}

bool parseNumber(std::string_view text, std::uint64_t& value) noexcept {
  std::uint64_t parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return false;
  value = parsed;
  return true;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kMaxSlips = 2;
  std::string best;
  std::size_t bestDistance = std::min(kMaxSlips + 1, word.size());
  for (const auto& candidate : candidates) {
    const std::size_t difference =
        candidate.size() > word.size() ? candidate.size() - word.size() : word.size() - candidate.size();
    if (difference >= bestDistance) continue;  // also keeps a long word from costing a long time
    const std::size_t distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace base
