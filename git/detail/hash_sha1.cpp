#include "git/detail/hash_sha1.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace git::detail {
namespace {

std::uint32_t loadBigEndian(const std::uint8_t* bytes) noexcept {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return __builtin_bswap32(word);
}

void compressPortably(Sha1State& state, const std::uint8_t* block) noexcept {
  std::array<std::uint32_t, 80> w;
  for (std::size_t t = 0; t < 16; ++t)
    w[t] = loadBigEndian(block + 4 * t);
  for (std::size_t t = 16; t < 80; ++t)
    w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  std::uint32_t a = state[0];
  std::uint32_t b = state[1];
  std::uint32_t c = state[2];
  std::uint32_t d = state[3];
  std::uint32_t e = state[4];
  const auto round = [&](std::uint32_t f, std::uint32_t k, std::size_t t) {
    const std::uint32_t next = std::rotl(a, 5) + f + e + k + w[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  };
  for (std::size_t t = 0; t < 20; ++t)
    round(d ^ (b & (c ^ d)), 0x5a827999, t);
  for (std::size_t t = 20; t < 40; ++t)
    round(b ^ c ^ d, 0x6ed9eba1, t);
  for (std::size_t t = 40; t < 60; ++t)
    round((b & c) | (d & (b | c)), 0x8f1bbcdc, t);
  for (std::size_t t = 60; t < 80; ++t)
    round(b ^ c ^ d, 0xca62c1d6, t);
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

#if defined(__x86_64__)
#define WITH_SHA_INSTRUCTIONS __attribute__((target("sha,ssse3,sse4.1")))

struct Registers {
  __m128i abcd;
  __m128i e;
  __m128i before;  // abcd before the last four rounds, which the next four need
  __m128i w[4];
};

/// Four rounds; the message's words are expanded as they are needed.
template <std::size_t kGroup>
WITH_SHA_INSTRUCTIONS inline void fourRounds(Registers& r) noexcept {
  __m128i& words = r.w[kGroup % 4];
  if constexpr (kGroup >= 4) {
    words = _mm_sha1msg1_epu32(words, r.w[(kGroup + 1) % 4]);
    words = _mm_sha1msg2_epu32(_mm_xor_si128(words, r.w[(kGroup + 2) % 4]), r.w[(kGroup + 3) % 4]);
  }
  const __m128i withE = kGroup == 0 ? _mm_add_epi32(r.e, words) : _mm_sha1nexte_epu32(r.before, words);
  r.before = r.abcd;
  r.abcd = _mm_sha1rnds4_epu32(r.abcd, withE, kGroup / 5);
}

template <std::size_t... kGroups>
WITH_SHA_INSTRUCTIONS inline void allRounds(Registers& r, std::index_sequence<kGroups...>) noexcept {
  (fourRounds<kGroups>(r), ...);
}

WITH_SHA_INSTRUCTIONS void compressWithShaInstructions(Sha1State& state, const std::uint8_t* blocks,
                                                       std::size_t count) noexcept {
  const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  Registers r{};
  r.abcd = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data())), 0x1b);
  r.e = _mm_set_epi32(static_cast<int>(state[4]), 0, 0, 0);
  for (; count > 0; --count, blocks += 64) {
    const __m128i abcd = r.abcd;
    const __m128i e = r.e;
    for (std::size_t i = 0; i < 4; ++i)
      r.w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks + 16 * i)), swap);
    allRounds(r, std::make_index_sequence<20>{});
    r.e = _mm_sha1nexte_epu32(r.before, e);
    r.abcd = _mm_add_epi32(r.abcd, abcd);
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()), _mm_shuffle_epi32(r.abcd, 0x1b));
  state[4] = static_cast<std::uint32_t>(_mm_extract_epi32(r.e, 3));
}

bool haveShaInstructions() noexcept {
  // CPUID leaf 7, EBX bit 29; the compilers of our floor have no name for it.
  static const bool have = [] {
    unsigned eax = 7, ebx = 0, ecx = 0, edx = 0;
    if (!__builtin_cpu_supports("sse4.1") || !__builtin_cpu_supports("ssse3")) return false;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return (ebx >> 29 & 1u) != 0;
  }();
  return have;
}
#endif

}  // namespace

void compressSha1(Sha1State& state, const std::uint8_t* blocks, std::size_t count) noexcept {
#if defined(__x86_64__)
  if (haveShaInstructions()) return compressWithShaInstructions(state, blocks, count);
#endif
  for (; count > 0; --count, blocks += 64)
    compressPortably(state, blocks);
}

void Sha1::update(std::string_view bytes) {
  if (bytes.empty()) return;  // perhaps no pointer at all
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t size = bytes.size();
  const std::size_t held = length_ % 64;
  length_ += size;
  if (held > 0) {
    const std::size_t taken = std::min(size, 64 - held);
    std::memcpy(partial_.data() + held, data, taken);
    if (held + taken < 64) return;
    addBlocks(partial_.data(), 1);
    data += taken;
    size -= taken;
  }
  addBlocks(data, size / 64);
  if (size % 64 > 0) std::memcpy(partial_.data(), data + size / 64 * 64, size % 64);
}

std::array<std::uint8_t, 20> Sha1::finish() {
  std::array<std::uint8_t, 128> end{};
  const std::size_t held = length_ % 64;
  std::memcpy(end.data(), partial_.data(), held);
  end[held] = 0x80;
  const std::size_t blocks = held < 56 ? 1 : 2;
  for (std::size_t i = 0; i < 8; ++i)
    end[blocks * 64 - 1 - i] = static_cast<std::uint8_t>(length_ * 8 >> (8 * i));
  addBlocks(end.data(), blocks);
  trySuspects();
  std::array<std::uint8_t, 20> digest;
  for (std::size_t i = 0; i < 20; ++i)
    digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

void Sha1::trySuspects() noexcept {
  attack_ = attack_ || anyAttack(suspects_.data(), suspectCount_);
  suspectCount_ = 0;
}

void Sha1::addBlocks(const std::uint8_t* blocks, std::size_t count) {
  while (count > 0) {
    const std::size_t now = std::min(count, kSha1Lanes);
    const auto kinds = filterAttacks(blocks, now);
    std::size_t done = 0;
    for (std::size_t i = 0; i < now; ++i) {
      if (kinds[i] == 0) continue;
      compressSha1(state_, blocks + 64 * done, i - done);
      Sha1Suspect& suspect = suspects_[suspectCount_++];
      std::memcpy(suspect.block.data(), blocks + 64 * i, suspect.block.size());
      suspect.kinds = kinds[i];
      suspect.before = state_;
      compressSha1(state_, blocks + 64 * i, 1);
      suspect.after = state_;
      if (suspectCount_ == suspects_.size()) trySuspects();
      done = i + 1;
    }
    compressSha1(state_, blocks + 64 * done, now - done);
    blocks += 64 * now;
    count -= now;
  }
}

}  // namespace git::detail
