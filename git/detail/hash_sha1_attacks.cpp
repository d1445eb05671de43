#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "git/detail/hash_sha1.h"

#if defined(__GNUC__) && !defined(__clang__)
// Functions that take or return vectors are all inlined: how others would call them does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace git::detail {
namespace {

/// A disturbance vector: 80 words of SHA-1's linear message expansion, known from the 16 at `first`. (Manuel
/// 2011, "Classification and generation of disturbance vectors for collision attacks against SHA-1".)
struct Disturbance {
  int type;   ///< 1 or 2
  int first;  ///< K: the words K to K+14 are zero but for two in type 2
  int bit;    ///< b: word K+15 has this bit
};

/// In the order of the bits of a mask of kinds.
constexpr std::array<Disturbance, 32> kDisturbances = {{
    {1, 43, 0}, {1, 44, 0}, {1, 45, 0}, {1, 46, 0}, {1, 46, 2}, {1, 47, 0}, {1, 47, 2}, {1, 48, 0},
    {1, 48, 2}, {1, 49, 0}, {1, 49, 2}, {1, 50, 0}, {1, 50, 2}, {1, 51, 0}, {1, 51, 2}, {1, 52, 0},
    {2, 45, 0}, {2, 46, 0}, {2, 46, 2}, {2, 47, 0}, {2, 48, 0}, {2, 49, 0}, {2, 49, 2}, {2, 50, 0},
    {2, 50, 2}, {2, 51, 0}, {2, 51, 2}, {2, 52, 0}, {2, 53, 0}, {2, 54, 0}, {2, 55, 0}, {2, 56, 0},
}};

using Words = std::array<std::uint32_t, 80>;

/// What the two messages of an attack differ in: each disturbance and the five corrections that undo it.
constexpr Words messageDifference(const Disturbance& kind) {
  constexpr int kBefore = 5;  // the corrections of step 0 reach back to step -5
  std::array<std::uint32_t, 80 + kBefore> d{};
  const auto at = [&d](int step) -> std::uint32_t& { return d[static_cast<std::size_t>(step + kBefore)]; };
  at(kind.first + 15) = 1u << kind.bit;
  if (kind.type == 2) at(kind.first + 1) = at(kind.first + 3) = 1u << ((31 + kind.bit) % 32);
  for (int t = kind.first + 16; t < 80; ++t)
    at(t) = std::rotl(at(t - 3) ^ at(t - 8) ^ at(t - 14) ^ at(t - 16), 1);
  for (int t = kind.first - 1; t >= -kBefore; --t)
    at(t) = std::rotr(at(t + 16), 1) ^ at(t + 13) ^ at(t + 8) ^ at(t + 2);
  Words difference{};
  for (int t = 0; t < 80; ++t) {
    difference[static_cast<std::size_t>(t)] =
        at(t) ^ std::rotl(at(t - 1), 5) ^ at(t - 2) ^ std::rotl(at(t - 3) ^ at(t - 4) ^ at(t - 5), 30);
  }
  return difference;
}

constexpr auto kDifferences = [] {
  std::array<Words, kDisturbances.size()> all{};
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = messageDifference(kDisturbances[i]);
  return all;
}();

/// Bit bitA of word a and bit bitB of word b of the expanded message are equal (differ = 0) or not (1) in
/// every attack of these kinds.
struct Condition {
  unsigned a, bitA, b, bitB, differ;
  std::uint32_t kinds;
};

// clang-format off
constexpr std::array<Condition, 156> kConditions = {{
    {35, 1, 36, 6, 1, 0x00000410},
    {35, 3, 39, 28, 0, 0x00082000},
    {35, 4, 39, 29, 0, 0x00080084},
    {35, 5, 39, 30, 0, 0x00004000},
    {35, 30, 40, 28, 1, 0x00100000},
    {36, 1, 37, 6, 1, 0x00041040},
    {36, 4, 37, 4, 1, 0x00000800},
    {36, 4, 38, 4, 1, 0x28000000},
    {36, 3, 40, 28, 0, 0x00100000},
    {36, 4, 40, 29, 0, 0x00110208},
    {36, 0, 41, 30, 1, 0x00400000},
    {36, 30, 41, 28, 1, 0x00200000},
    {37, 1, 37, 6, 0, 0x00004000},
    {37, 1, 38, 6, 1, 0x00004100},
    {37, 4, 38, 4, 1, 0x00002000},
    {37, 4, 39, 4, 1, 0x50000001},
    {37, 4, 40, 29, 0, 0x50020021},
    {37, 3, 41, 28, 0, 0x00200000},
    {37, 4, 41, 29, 0, 0x00200800},
    {37, 5, 41, 30, 0, 0x00400000},
    {37, 0, 42, 30, 1, 0x01000000},
    {37, 30, 42, 28, 1, 0x00800000},
    {38, 4, 39, 4, 1, 0x00008000},
    {38, 1, 40, 1, 1, 0x00000400},
    {38, 4, 40, 4, 1, 0xa0000002},
    {38, 4, 41, 29, 0, 0xa0080082},
    {38, 3, 42, 28, 0, 0x00800000},
    {38, 4, 42, 29, 0, 0x00802000},
    {38, 5, 42, 30, 0, 0x01000000},
    {38, 0, 43, 30, 1, 0x04000000},
    {38, 30, 43, 28, 1, 0x02000000},
    {39, 1, 40, 6, 1, 0x00401010},
    {39, 6, 40, 1, 0, 0x00000400},
    {39, 4, 41, 4, 1, 0x40000005},
    {39, 4, 42, 29, 0, 0x40100205},
    {39, 3, 43, 28, 0, 0x02000000},
    {39, 4, 43, 29, 0, 0x02008000},
    {39, 5, 43, 30, 0, 0x04000000},
    {39, 30, 44, 28, 1, 0x08000000},
    {40, 1, 41, 6, 1, 0x01004040},
    {41, 1, 40, 6, 0, 0x00401000},
    {40, 29, 41, 29, 0, 0x800a00a2},
    {40, 4, 42, 4, 1, 0x8000000a},
    {40, 6, 42, 6, 0, 0x00000010},
    {40, 4, 43, 29, 0, 0x8020080a},
    {40, 3, 44, 28, 0, 0x08000000},
    {40, 4, 44, 29, 0, 0x08000000},
    {41, 1, 42, 6, 1, 0x04040100},
    {42, 1, 41, 6, 0, 0x01004000},
    {41, 29, 42, 29, 0, 0x00180284},
    {41, 6, 43, 6, 0, 0x00000040},
    {41, 4, 44, 29, 0, 0x00812025},
    {41, 3, 45, 28, 0, 0x10000000},
    {41, 4, 45, 29, 0, 0x10000000},
    {43, 1, 42, 6, 0, 0x04040000},
    {42, 29, 43, 29, 0, 0x00300a08},
    {42, 6, 44, 6, 0, 0x00000110},
    {42, 4, 45, 29, 0, 0x0202808a},
    {42, 3, 46, 28, 0, 0x20000000},
    {42, 4, 46, 29, 0, 0x20000000},
    {42, 1, 50, 1, 1, 0x00000400},
    {43, 29, 44, 29, 0, 0x00a12820},
    {43, 6, 45, 6, 0, 0x00000440},
    {43, 4, 46, 29, 0, 0x08080225},
    {43, 3, 47, 28, 0, 0x40000000},
    {43, 4, 47, 29, 0, 0x40000000},
    {43, 1, 51, 1, 1, 0x00001000},
    {44, 1, 45, 6, 1, 0x00404000},
    {44, 29, 45, 29, 0, 0x0283a080},
    {44, 6, 46, 6, 0, 0x00001110},
    {44, 29, 46, 29, 1, 0x00000025},
    {44, 4, 47, 29, 0, 0x1010088a},
    {44, 3, 48, 28, 0, 0x80000000},
    {44, 4, 48, 29, 0, 0x80000000},
    {45, 6, 46, 1, 0, 0x00400000},
    {45, 29, 46, 29, 0, 0x0a0a8200},
    {45, 1, 47, 1, 1, 0x01000000},
    {45, 6, 47, 6, 0, 0x00004440},
    {45, 29, 47, 29, 1, 0x0000008a},
    {45, 4, 48, 29, 0, 0x20202224},
    {47, 1, 46, 6, 0, 0x01000010},
    {46, 29, 47, 29, 0, 0x18180801},
    {46, 1, 48, 1, 1, 0x04000000},
    {46, 6, 48, 6, 0, 0x00001100},
    {46, 29, 48, 29, 1, 0x00000224},
    {46, 4, 49, 29, 0, 0x40808888},
    {48, 1, 47, 6, 0, 0x04000040},
    {47, 29, 48, 29, 0, 0x30302002},
    {47, 6, 49, 6, 0, 0x00004400},
    {47, 29, 49, 29, 1, 0x00000888},
    {47, 4, 50, 29, 0, 0x82012220},
    {47, 1, 51, 1, 1, 0x00040000},
    {48, 6, 49, 1, 0, 0x00000100},
    {48, 29, 49, 29, 0, 0x60a08004},
    {48, 6, 50, 6, 0, 0x00041000},
    {48, 29, 50, 29, 1, 0x00002220},
    {48, 4, 51, 29, 0, 0x08028880},
    {48, 29, 55, 29, 1, 0x0000a000},
    {49, 6, 50, 1, 0, 0x00000400},
    {49, 29, 50, 29, 0, 0xc2810008},
    {49, 6, 51, 6, 0, 0x00004000},
    {49, 29, 51, 29, 1, 0x00008880},
    {49, 4, 52, 29, 0, 0x10092200},
    {51, 1, 50, 6, 0, 0x00041000},
    {50, 29, 51, 29, 0, 0x8a020020},
    {50, 29, 52, 29, 1, 0x00012200},
    {50, 4, 53, 29, 0, 0x20128800},
    {50, 1, 54, 1, 1, 0x00400000},
    {51, 6, 52, 1, 0, 0x00004000},
    {51, 29, 52, 29, 0, 0x18080080},
    {51, 6, 53, 6, 0, 0x00400000},
    {51, 4, 54, 29, 0, 0x40282000},
    {51, 29, 54, 29, 1, 0x000a0800},
    {51, 1, 55, 1, 1, 0x01000000},
    {52, 29, 53, 29, 0, 0x30110200},
    {52, 6, 54, 6, 0, 0x01000000},
    {52, 4, 55, 29, 0, 0x80908000},
    {52, 1, 56, 1, 1, 0x04000000},
    {53, 6, 54, 1, 0, 0x00400000},
    {53, 29, 54, 29, 0, 0x60220800},
    {53, 6, 55, 6, 0, 0x04000000},
    {53, 4, 56, 29, 0, 0x02200000},
    {53, 29, 56, 29, 1, 0x00308000},
    {54, 6, 55, 1, 0, 0x01000000},
    {54, 29, 55, 29, 0, 0xc0882000},
    {54, 4, 57, 29, 0, 0x08800000},
    {55, 6, 56, 1, 0, 0x04000000},
    {55, 29, 56, 29, 0, 0x82108000},
    {55, 4, 58, 29, 0, 0x12000000},
    {55, 29, 58, 29, 1, 0x00800000},
    {56, 29, 57, 29, 0, 0x08200000},
    {56, 4, 59, 29, 0, 0x28000000},
    {56, 29, 59, 29, 1, 0x0a000000},
    {57, 29, 58, 29, 0, 0x10800000},
    {57, 4, 59, 29, 0, 0x40000000},
    {57, 4, 61, 29, 0, 0x10000000},
    {58, 29, 59, 29, 0, 0x22000000},
    {58, 29, 61, 29, 1, 0x10000000},
    {58, 4, 62, 29, 0, 0x20000000},
    {58, 0, 63, 30, 1, 0x00000001},
    {59, 29, 60, 29, 0, 0x08000000},
    {59, 4, 63, 29, 0, 0x40000000},
    {59, 5, 63, 30, 0, 0x00000001},
    {59, 0, 64, 30, 1, 0x00000002},
    {60, 0, 61, 5, 1, 0x00010004},
    {60, 4, 64, 29, 0, 0x80000000},
    {60, 5, 64, 30, 0, 0x00000002},
    {61, 0, 62, 5, 1, 0x00020008},
    {61, 1, 62, 6, 1, 0x00000001},
    {61, 2, 62, 7, 1, 0x00040010},
    {62, 0, 63, 5, 1, 0x00080020},
    {62, 1, 63, 6, 1, 0x00000002},
    {62, 2, 63, 7, 1, 0x00000040},
    {63, 0, 64, 5, 1, 0x00100080},
    {63, 1, 64, 6, 1, 0x00010004},
    {63, 2, 64, 7, 1, 0x00000100},
}};
// clang-format on

constexpr std::size_t kLastWord = 64;  // that a condition names

using Lanes = std::uint32_t __attribute__((vector_size(4 * kSha1Lanes)));
using SignedLanes = std::int32_t __attribute__((vector_size(4 * kSha1Lanes)));

/// Clears the kinds of condition kIndex in the lanes that do not meet it.
template <std::size_t kIndex>
[[gnu::always_inline]] inline void apply(const Lanes* w, Lanes& kinds) noexcept {
  constexpr Condition kCondition = kConditions[kIndex];
  // The two bits moved to the sign, which a shift then spreads over the lane.
  const Lanes both =
      (w[kCondition.a] << (31 - kCondition.bitA)) ^ (w[kCondition.b] << (31 - kCondition.bitB));
  const auto differ = reinterpret_cast<Lanes>(reinterpret_cast<SignedLanes>(both) >> 31);
  if constexpr (kCondition.differ != 0) {
    kinds &= differ | ~kCondition.kinds;
  } else {
    kinds &= ~(differ & kCondition.kinds);
  }
}

template <std::size_t... kIndexes>
[[gnu::always_inline]] inline void applyAll(const Lanes* w, Lanes& kinds,
                                            std::index_sequence<kIndexes...>) noexcept {
  (apply<kIndexes>(w, kinds), ...);
}

/// Lane i of word t is word t of block i.
[[gnu::always_inline]] inline void filterLanes(Lanes* w, std::uint32_t* result) noexcept {
  for (std::size_t t = 16; t <= kLastWord; ++t) {
    const Lanes mixed = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16];
    w[t] = (mixed << 1) | (mixed >> 31);
  }
  Lanes kinds = ~Lanes{};
  applyAll(w, kinds, std::make_index_sequence<kConditions.size()>{});
  std::memcpy(result, &kinds, sizeof kinds);
}

std::uint32_t loadBigEndian(const std::uint8_t* bytes) noexcept {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return __builtin_bswap32(word);
}

/// The registers of eight computations.
struct Registers {
  Lanes a, b, c, d, e;
};

[[gnu::always_inline]] inline Lanes rotate(const Lanes& value, unsigned bits) noexcept {
  return (value << bits) | (value >> (32 - bits));
}

/// What a step adds beside the rotated first register, the fifth and the message's word.
template <std::size_t kQuarter>
[[gnu::always_inline]] inline Lanes mixedIn(const Lanes& b, const Lanes& c, const Lanes& d) noexcept {
  if constexpr (kQuarter == 0) return (d ^ (b & (c ^ d))) + 0x5a827999;
  if constexpr (kQuarter == 1) return (b ^ c ^ d) + 0x6ed9eba1;
  if constexpr (kQuarter == 2) return ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
  if constexpr (kQuarter == 3) return (b ^ c ^ d) + 0xca62c1d6;
}

/// The steps from `first` to before `last` that lie in a quarter of the eighty.
template <std::size_t kQuarter>
[[gnu::always_inline]] inline void forwardInQuarter(Registers& r, const Lanes* words, std::size_t first,
                                                    std::size_t last) noexcept {
  const std::size_t end = std::min(last, 20 * kQuarter + 20);
  for (std::size_t t = std::max(first, 20 * kQuarter); t < end; ++t) {
    const Lanes next = rotate(r.a, 5) + mixedIn<kQuarter>(r.b, r.c, r.d) + r.e + words[t];
    r = {next, r.a, rotate(r.b, 30), r.c, r.d};
  }
}

template <std::size_t kQuarter>
[[gnu::always_inline]] inline void backInQuarter(Registers& r, const Lanes* words, std::size_t first,
                                                 std::size_t last) noexcept {
  const std::size_t start = std::max(first, 20 * kQuarter);
  for (std::size_t t = std::min(last, 20 * kQuarter + 20); t-- > start;) {
    const Lanes b = rotate(r.c, 2);
    r = {r.b, b, r.d, r.e, r.a - rotate(r.b, 5) - mixedIn<kQuarter>(b, r.d, r.e) - words[t]};
  }
}

[[gnu::always_inline]] inline void forward(Registers& r, const Lanes* words, std::size_t first,
                                           std::size_t last) noexcept {
  forwardInQuarter<0>(r, words, first, last);
  forwardInQuarter<1>(r, words, first, last);
  forwardInQuarter<2>(r, words, first, last);
  forwardInQuarter<3>(r, words, first, last);
}

[[gnu::always_inline]] inline void back(Registers& r, const Lanes* words, std::size_t first,
                                        std::size_t last) noexcept {
  backInQuarter<3>(r, words, first, last);
  backInQuarter<2>(r, words, first, last);
  backInQuarter<1>(r, words, first, last);
  backInQuarter<0>(r, words, first, last);
}

[[gnu::always_inline]] inline Registers choose(const Lanes& mask, const Registers& yes,
                                               const Registers& no) noexcept {
  return {(mask & yes.a) | (~mask & no.a), (mask & yes.b) | (~mask & no.b), (mask & yes.c) | (~mask & no.c),
          (mask & yes.d) | (~mask & no.d), (mask & yes.e) | (~mask & no.e)};
}

// The registers of both messages of an attack are equal before one of these steps, the later one where the
// disturbances begin at kLaterFrom or after.
constexpr std::size_t kEarlierMiddle = 58;
constexpr std::size_t kLaterMiddle = 65;
constexpr int kLaterFrom = 50;

/// Eight blocks with a kind of attack each, and what they are asked for: is the other message's hash the
/// same?
struct Trial {
  std::array<Lanes, 80> words{};
  std::array<Lanes, 80> others{};  // at first what each lane's kind adds, then the other message's words
  Lanes later{};
  Registers before{};
  Registers after{};
};

/// All bits set in the lanes that are attacks.
[[gnu::always_inline]] inline void tryLanes(Trial& trial, std::uint32_t* result) noexcept {
  for (std::size_t t = 16; t < 80; ++t)
    trial.words[t] =
        rotate(trial.words[t - 3] ^ trial.words[t - 8] ^ trial.words[t - 14] ^ trial.words[t - 16], 1);
  for (std::size_t t = 0; t < 80; ++t)
    trial.others[t] ^= trial.words[t];
  Registers earlier = trial.before;
  forward(earlier, trial.words.data(), 0, kEarlierMiddle);
  Registers later = earlier;
  forward(later, trial.words.data(), kEarlierMiddle, kLaterMiddle);
  Registers first = later;
  back(first, trial.others.data(), kEarlierMiddle, kLaterMiddle);
  first = choose(trial.later, first, earlier);
  back(first, trial.others.data(), 0, kEarlierMiddle);
  Registers last = earlier;
  forward(last, trial.others.data(), kEarlierMiddle, kLaterMiddle);
  last = choose(trial.later, later, last);
  forward(last, trial.others.data(), kLaterMiddle, 80);
  const Lanes differ = ((first.a + last.a) ^ trial.after.a) | ((first.b + last.b) ^ trial.after.b) |
                       ((first.c + last.c) ^ trial.after.c) | ((first.d + last.d) ^ trial.after.d) |
                       ((first.e + last.e) ^ trial.after.e);
  const auto same = reinterpret_cast<Lanes>(differ == 0);
  std::memcpy(result, &same, sizeof same);
}

void filterPortably(Lanes* w, std::uint32_t* result) noexcept {
  filterLanes(w, result);
}
void tryPortably(Trial& trial, std::uint32_t* result) noexcept {
  tryLanes(trial, result);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void filterWithAvx2(Lanes* w, std::uint32_t* result) noexcept {
  filterLanes(w, result);
}
__attribute__((target("avx2"))) void tryWithAvx2(Trial& trial, std::uint32_t* result) noexcept {
  tryLanes(trial, result);
}
__attribute__((target("avx512f,avx512vl"))) void filterWithAvx512(Lanes* w, std::uint32_t* result) noexcept {
  filterLanes(w, result);
}
__attribute__((target("avx512f,avx512vl"))) void tryWithAvx512(Trial& trial, std::uint32_t* result) noexcept {
  tryLanes(trial, result);
}
#endif

/// The same code for the instructions that this machine has.
struct Variant {
  void (*filter)(Lanes*, std::uint32_t*) noexcept = &filterPortably;
  void (*tryAll)(Trial&, std::uint32_t*) noexcept = &tryPortably;
};

const Variant& variant() noexcept {
  static const Variant chosen = [] {
    Variant best;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
      best = {&filterWithAvx512, &tryWithAvx512};
    } else if (__builtin_cpu_supports("avx2")) {
      best = {&filterWithAvx2, &tryWithAvx2};
    }
#endif
    return best;
  }();
  return chosen;
}

void setLane(Registers& r, std::size_t lane, const Sha1State& state) noexcept {
  r.a[lane] = state[0];
  r.b[lane] = state[1];
  r.c[lane] = state[2];
  r.d[lane] = state[3];
  r.e[lane] = state[4];
}

void setLane(Trial& trial, std::size_t lane, const Sha1Suspect& suspect, std::size_t kind) noexcept {
  for (std::size_t t = 0; t < 16; ++t)
    trial.words[t][lane] = loadBigEndian(suspect.block.data() + 4 * t);
  for (std::size_t t = 0; t < 80; ++t)
    trial.others[t][lane] = kDifferences[kind][t];
  trial.later[lane] = kDisturbances[kind].first >= kLaterFrom ? ~0u : 0u;
  setLane(trial.before, lane, suspect.before);
  setLane(trial.after, lane, suspect.after);
}

}  // namespace

std::array<std::uint32_t, kSha1Lanes> filterAttacks(const std::uint8_t* blocks, std::size_t count) noexcept {
  std::array<Lanes, kLastWord + 1> w;
  if (count < kSha1Lanes) std::fill_n(w.begin(), 16, Lanes{});
  for (std::size_t lane = 0; lane < count; ++lane) {
    for (std::size_t t = 0; t < 16; ++t)
      w[t][lane] = loadBigEndian(blocks + 64 * lane + 4 * t);
  }
  std::array<std::uint32_t, kSha1Lanes> kinds;
  variant().filter(w.data(), kinds.data());
  return kinds;
}

bool anyAttack(const Sha1Suspect* suspects, std::size_t count) noexcept {
  Trial trial;
  std::array<std::uint32_t, kSha1Lanes> result;
  std::size_t lanes = 0;
  const auto attempt = [&] {
    if (lanes == 0) return false;
    variant().tryAll(trial, result.data());
    const bool found = std::any_of(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(lanes),
                                   [](std::uint32_t same) { return same != 0; });
    lanes = 0;
    return found;
  };
  for (std::size_t i = 0; i < count; ++i) {
    for (std::uint32_t left = suspects[i].kinds; left != 0; left &= left - 1) {
      setLane(trial, lanes++, suspects[i], static_cast<std::size_t>(std::countr_zero(left)));
      if (lanes == kSha1Lanes && attempt()) return true;
    }
  }
  return attempt();
}

}  // namespace git::detail
