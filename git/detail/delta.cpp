#include "git/detail/delta.h"

#include <cstring>

namespace git::detail {
namespace {

/// Seven bits a byte, lowest first.
std::optional<std::uint64_t> takeNumber(std::string_view bytes, std::size_t& at) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; at < bytes.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    const std::uint64_t bits = byte & 0x7fu;
    if (shift > 63 || (bits << shift) >> shift != bits) return std::nullopt;
    value |= bits << shift;
    if ((byte & 0x80u) == 0) return value;
  }
  return std::nullopt;
}

struct Copy {
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// The operands of a copy: only the bytes that its instruction names are there.
std::optional<Copy> takeCopy(unsigned char instruction, std::string_view delta, std::size_t& at) noexcept {
  std::size_t values[7];
  if (delta.size() - at < sizeof values / sizeof *values) {
    // Near the end every byte is looked for.
    std::size_t needed = 0;
    for (unsigned bit = 0; bit < 7; ++bit)
      needed += instruction >> bit & 1u;
    if (delta.size() - at < needed) return std::nullopt;
  }
  for (unsigned bit = 0; bit < 7; ++bit)
    values[bit] = (instruction >> bit & 1u) != 0 ? static_cast<unsigned char>(delta[at++]) : 0;
  Copy copy;
  copy.offset = values[0] | values[1] << 8 | values[2] << 16 | values[3] << 24;
  copy.size = values[4] | values[5] << 8 | values[6] << 16;
  if (copy.size == 0) copy.size = 0x10000;
  return copy;
}

}  // namespace

std::optional<DeltaHead> parseDeltaHead(std::string_view delta) noexcept {
  DeltaHead head;
  const auto baseSize = takeNumber(delta, head.bytes);
  if (!baseSize) return std::nullopt;
  const auto resultSize = takeNumber(delta, head.bytes);
  if (!resultSize) return std::nullopt;
  head.baseSize = *baseSize;
  head.resultSize = *resultSize;
  return head;
}

bool applyDelta(std::string_view base, std::string_view delta, char* out) noexcept {
  const auto head = parseDeltaHead(delta);
  if (!head || head->baseSize != base.size()) return false;
  std::size_t at = head->bytes;
  std::size_t room = head->resultSize;
  while (at < delta.size()) {
    const auto instruction = static_cast<unsigned char>(delta[at++]);
    if ((instruction & 0x80u) != 0) {
      const auto copy = takeCopy(instruction, delta, at);
      if (!copy || copy->size > room || copy->offset > base.size() || copy->size > base.size() - copy->offset)
        return false;
      std::memcpy(out, base.data() + copy->offset, copy->size);
      out += copy->size;
      room -= copy->size;
    } else {
      // Instruction 0 is reserved.
      if (instruction == 0 || instruction > room || instruction > delta.size() - at) return false;
      std::memcpy(out, delta.data() + at, instruction);
      at += instruction;
      out += instruction;
      room -= instruction;
    }
  }
  return room == 0;
}

}  // namespace git::detail
