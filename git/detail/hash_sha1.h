// SHA-1 that notices when its input was made to collide. (FIPS 180-4; Stevens 2013, "Counter-cryptanalysis";
// Stevens and Shumow 2017, "Speeding up detection of SHA-1 collision attacks using unavoidable attack
// conditions".)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace git::detail {

using Sha1State = std::array<std::uint32_t, 5>;

/// A block that some kinds of attack are possible with, and what it turned into what.
struct Sha1Suspect {
  std::array<std::uint8_t, 64> block;
  std::uint32_t kinds;
  Sha1State before;
  Sha1State after;
};

/// How many blocks are looked at together.
constexpr std::size_t kSha1Lanes = 8;

/// Streaming SHA-1. Uses the processor's SHA instructions where they are. Beside every block, 32 known kinds
/// of attack are looked for: those whose unavoidable conditions the block meets are tried by computing the
/// other message's hash. A value; one thread at a time.
class Sha1 {
 public:
  void update(std::string_view bytes);
  /// Once.
  std::array<std::uint8_t, 20> finish();
  /// After finish(): the input is one half of a collision, or was made with such a half's blocks.
  bool isAttack() const noexcept { return attack_; }

 private:
  void addBlocks(const std::uint8_t* blocks, std::size_t count);
  void trySuspects() noexcept;

  Sha1State state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  std::array<std::uint8_t, 64> partial_{};
  std::uint64_t length_ = 0;
  bool attack_ = false;
  std::size_t suspectCount_ = 0;
  std::array<Sha1Suspect, kSha1Lanes> suspects_;  // not tried yet
};

/// Adds `count` blocks of 64 bytes to the state.
void compressSha1(Sha1State& state, const std::uint8_t* blocks, std::size_t count) noexcept;

/// For each of `count` (1 to kSha1Lanes) blocks: a bit for each kind of attack that it could be part of. For
/// nearly all blocks none.
std::array<std::uint32_t, kSha1Lanes> filterAttacks(const std::uint8_t* blocks, std::size_t count) noexcept;
/// Whether one of these blocks is half of an attack of one of its kinds.
bool anyAttack(const Sha1Suspect* suspects, std::size_t count) noexcept;

}  // namespace git::detail
