#include "git/detail/entry_header.h"

#include <array>

namespace git::detail {

void appendEntryHeader(std::string& out, unsigned type, std::uint64_t size) {
  std::uint64_t byte = type << 4 | (size & 15);
  for (size >>= 4; size != 0; size >>= 7) {
    out.push_back(static_cast<char>(byte | 0x80));
    byte = size & 0x7f;
  }
  out.push_back(static_cast<char>(byte));
}

void appendBaseDistance(std::string& out, std::uint64_t distance) {
  std::array<char, 10> digits{};
  std::size_t first = digits.size() - 1;
  digits[first] = static_cast<char>(distance & 0x7f);
  // Each longer form begins where the shorter ones end: no number has two spellings.
  while (distance >>= 7)
    digits[--first] = static_cast<char>(0x80 | (--distance & 0x7f));
  out.append(digits.data() + first, digits.size() - first);
}

}  // namespace git::detail
