#include "base/size.h"

#include "base/strings.h"

namespace base {
namespace {

constexpr std::string_view kUnits = "KMGT";
constexpr unsigned kBitsOfAUnit = 10;

}  // namespace

std::optional<std::uint64_t> parseSize(std::string_view text) noexcept {
  unsigned shift = 0;
  if (!text.empty()) {
    const char last = text.back() >= 'a' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
    if (const auto unit = kUnits.find(last); unit != std::string_view::npos) {
      shift = kBitsOfAUnit * (static_cast<unsigned>(unit) + 1);
      text.remove_suffix(1);
    }
  }
  std::uint64_t value = 0;
  if (!parseNumber(text, value) || value > UINT64_MAX >> shift) return std::nullopt;
  return value << shift;
}

std::string exactSize(std::uint64_t bytes) {
  std::size_t units = 0;
  while (units < kUnits.size() && bytes != 0 && bytes % (1u << kBitsOfAUnit) == 0) {
    bytes >>= kBitsOfAUnit;
    ++units;
  }
  return std::to_string(bytes) + (units == 0 ? "" : std::string(1, kUnits[units - 1]));
}

}  // namespace base
