#include "git/detail/apply_delta.h"

#include "base/error.h"

namespace git::detail {
namespace {

[[noreturn]] void throwDamaged() {
  throw base::Error(base::Errc::corrupt,
                    "a delta is damaged: restore the pack from a backup or another clone");
}

std::uint64_t readSize(std::string_view delta, std::size_t& at) {
  std::uint64_t size = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (at >= delta.size() || shift > 56) throwDamaged();
    const auto byte = static_cast<std::uint8_t>(delta[at++]);
    size |= static_cast<std::uint64_t>(byte & 127) << shift;
    if ((byte & 128) == 0) return size;
  }
}

/// A copy's argument: the bytes that are set in `mask`, least one first.
std::uint32_t readArgument(std::string_view delta, std::size_t& at, unsigned mask) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; mask != 0; mask >>= 1, shift += 8) {
    if ((mask & 1) == 0) continue;
    if (at >= delta.size()) throwDamaged();
    value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(delta[at++])) << shift;
  }
  return value;
}

}  // namespace

DeltaHeader readDeltaHeader(std::string_view delta) {
  DeltaHeader header;
  header.baseSize = readSize(delta, header.bytes);
  header.resultSize = readSize(delta, header.bytes);
  return header;
}

std::string applyDelta(std::string_view base, std::string_view delta) {
  const DeltaHeader header = readDeltaHeader(delta);
  if (header.baseSize != base.size()) throwDamaged();
  // Each byte of a delta copies less than 16 MiB: a size that cannot be reached is not worth its memory.
  if (header.resultSize >> 24 > delta.size()) throwDamaged();
  std::string result;
  result.reserve(header.resultSize);
  for (std::size_t at = header.bytes; at < delta.size();) {
    const auto op = static_cast<std::uint8_t>(delta[at++]);
    std::string_view piece;
    if ((op & 128) != 0) {
      const std::uint32_t from = readArgument(delta, at, op & 15);
      std::uint32_t count = readArgument(delta, at, (op >> 4) & 7);
      if (count == 0) count = 0x10000;
      if (from > base.size() || base.size() - from < count) throwDamaged();
      piece = base.substr(from, count);
    } else {
      if (op == 0 || delta.size() - at < op) throwDamaged();
      piece = delta.substr(at, op);
      at += op;
    }
    if (header.resultSize - result.size() < piece.size()) throwDamaged();
    result.append(piece);
  }
  if (result.size() != header.resultSize) throwDamaged();
  return result;
}

}  // namespace git::detail
