#include "git/detail/hash_sha1.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "git/detail/hash_object.h"

namespace git::detail {
namespace {

std::string fromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

/// What the two PDFs of the published collision begin with, one of them. (https://shattered.io)
std::string shattered() {
  return fromHex(
      "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f"
      "4865696768742033203020522f547970652034203020522f537562747970652035203020522f4669"
      "6c7465722036203020522f436f6c6f7253706163652037203020522f4c656e677468203820302052"
      "2f42697473506572436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31"
      "20697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe017346dc9166b67e11"
      "8f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3"
      "dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f"
      "0e332edf93ac3500eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1");
}

std::string hexOf(Sha1& sha1) {
  const auto digest = sha1.finish();
  return base::toHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

TEST(Sha1, KnownAnswers) {
  Sha1 empty;
  EXPECT_EQ(hexOf(empty), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  Sha1 abc;
  abc.update("abc");
  EXPECT_EQ(hexOf(abc), "a9993e364706816aba3e25717850c26c9cd0d89d");
  Sha1 million;
  for (int i = 0; i < 1000; ++i)
    million.update(std::string(1000, 'a'));
  EXPECT_EQ(hexOf(million), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  EXPECT_FALSE(million.isAttack());
}

TEST(Sha1, SameInPiecesOfAnySize) {
  std::mt19937 random(1);
  std::string bytes(3000, '\0');
  for (char& byte : bytes)
    byte = static_cast<char>(random());
  for (const std::size_t size : {0u, 1u, 55u, 56u, 63u, 64u, 65u, 119u, 511u, 512u, 513u, 3000u}) {
    Sha1 whole;
    whole.update(std::string_view(bytes).substr(0, size));
    Sha1 pieces;
    for (std::size_t at = 0; at < size; at += 37)
      pieces.update(std::string_view(bytes).substr(at, std::min<std::size_t>(37, size - at)));
    EXPECT_EQ(hexOf(whole), hexOf(pieces)) << size;
  }
}

TEST(Sha1, TakesNothing) {
  Sha1 abc;
  abc.update("abc");
  abc.update(std::string_view());
  EXPECT_EQ(hexOf(abc), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Sha1, NoticesThePublishedCollision) {
  Sha1 sha1;
  sha1.update(shattered());
  EXPECT_EQ(hexOf(sha1), "f92d74e3874587aaf443d1db961d4e26dde13e9c");
  EXPECT_TRUE(sha1.isAttack());
  Sha1 behindOthers;
  behindOthers.update(shattered() + std::string(5000, 'x'));
  hexOf(behindOthers);
  EXPECT_TRUE(behindOthers.isAttack());
  // The first of the two blocks alone is one of a pair that nearly collides: no whole attack, but made for
  // one.
  Sha1 prefixOnly;
  prefixOnly.update(std::string_view(shattered()).substr(0, 192));
  hexOf(prefixOnly);
  EXPECT_FALSE(prefixOnly.isAttack());
}

using Words = std::array<std::uint32_t, 80>;

/// What the messages of an attack of this kind differ in, by the definition: 16 words of the disturbance
/// vector from K on, expanded both ways; a local collision for each of its bits.
Words differenceOf(int type, int first, int bit) {
  std::map<int, std::uint32_t> d;
  d[first + 15] = 1u << bit;
  if (type == 2) d[first + 1] = d[first + 3] = 1u << ((31 + bit) % 32);
  for (int t = first + 16; t < 80; ++t)
    d[t] = std::rotl(d[t - 3] ^ d[t - 8] ^ d[t - 14] ^ d[t - 16], 1);
  for (int t = first - 1; t >= -5; --t)
    d[t] = std::rotr(d[t + 16], 1) ^ d[t + 13] ^ d[t + 8] ^ d[t + 2];
  Words words;
  for (int t = 0; t < 80; ++t)
    words[static_cast<std::size_t>(t)] = d[t] ^ std::rotl(d[t - 1], 5) ^ d[t - 2] ^ std::rotl(d[t - 3], 30) ^
                                         std::rotl(d[t - 4], 30) ^ std::rotl(d[t - 5], 30);
  return words;
}

std::uint32_t mixed(std::size_t t, const Sha1State& s) {
  if (t < 20) return ((s[1] & s[2]) | (~s[1] & s[3])) + 0x5a827999;
  if (t < 40) return (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1;
  if (t < 60) return ((s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])) + 0x8f1bbcdc;
  return (s[1] ^ s[2] ^ s[3]) + 0xca62c1d6;
}

Sha1State stepped(const Sha1State& s, std::size_t t, std::uint32_t word) {
  return {std::rotl(s[0], 5) + mixed(t, s) + s[4] + word, s[0], std::rotl(s[1], 30), s[2], s[3]};
}

Sha1State steppedBack(const Sha1State& s, std::size_t t, std::uint32_t word) {
  Sha1State before{s[1], std::rotr(s[2], 30), s[3], s[4], 0};
  before[4] = s[0] - std::rotl(before[0], 5) - mixed(t, before) - word;
  return before;
}

struct KindOfAttack {
  int type, first, bit;
};
constexpr std::array<KindOfAttack, 32> kKinds = {{
    {1, 43, 0}, {1, 44, 0}, {1, 45, 0}, {1, 46, 0}, {1, 46, 2}, {1, 47, 0}, {1, 47, 2}, {1, 48, 0},
    {1, 48, 2}, {1, 49, 0}, {1, 49, 2}, {1, 50, 0}, {1, 50, 2}, {1, 51, 0}, {1, 51, 2}, {1, 52, 0},
    {2, 45, 0}, {2, 46, 0}, {2, 46, 2}, {2, 47, 0}, {2, 48, 0}, {2, 49, 0}, {2, 49, 2}, {2, 50, 0},
    {2, 50, 2}, {2, 51, 0}, {2, 51, 2}, {2, 52, 0}, {2, 53, 0}, {2, 54, 0}, {2, 55, 0}, {2, 56, 0},
}};

/// What the other message of an attack would hash to, if this block were half of one.
Sha1State otherHash(const Sha1Suspect& suspect, const KindOfAttack& kind) {
  Words words;
  for (std::size_t t = 0; t < 16; ++t)
    words[t] = static_cast<std::uint32_t>(suspect.block[4 * t]) << 24 | suspect.block[4 * t + 1] << 16 |
               suspect.block[4 * t + 2] << 8 | suspect.block[4 * t + 3];
  for (std::size_t t = 16; t < 80; ++t)
    words[t] = std::rotl(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
  const auto middle = static_cast<std::size_t>(kind.first) + 15;
  Sha1State state = suspect.before;
  for (std::size_t t = 0; t < middle; ++t)
    state = stepped(state, t, words[t]);
  const Words difference = differenceOf(kind.type, kind.first, kind.bit);
  Sha1State first = state;
  for (std::size_t t = middle; t-- > 0;)
    first = steppedBack(first, t, words[t] ^ difference[t]);
  for (std::size_t t = middle; t < 80; ++t)
    state = stepped(state, t, words[t] ^ difference[t]);
  for (std::size_t i = 0; i < 5; ++i)
    state[i] += first[i];
  return state;
}

TEST(Sha1, TriesEveryKindOfAttack) {
  std::mt19937 random(11);
  std::vector<Sha1Suspect> harmless;
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
    Sha1Suspect suspect;
    for (std::uint8_t& byte : suspect.block)
      byte = static_cast<std::uint8_t>(random());
    for (std::uint32_t& word : suspect.before)
      word = static_cast<std::uint32_t>(random());
    suspect.kinds = 1u << kind;
    suspect.after = otherHash(suspect, kKinds[kind]);
    EXPECT_TRUE(anyAttack(&suspect, 1)) << kind;
    suspect.kinds = ~0u;
    EXPECT_TRUE(anyAttack(&suspect, 1)) << kind;
    suspect.kinds = ~(1u << kind);
    EXPECT_FALSE(anyAttack(&suspect, 1)) << kind;
    harmless.push_back(suspect);
  }
  EXPECT_FALSE(anyAttack(harmless.data(), harmless.size()));
  harmless[20].kinds = ~0u;
  EXPECT_TRUE(anyAttack(harmless.data(), harmless.size()));
}

TEST(Sha1, OrdinaryDataIsNoAttack) {
  std::mt19937_64 random(7);
  std::string bytes(1u << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  Sha1 sha1;
  sha1.update(bytes);
  sha1.finish();
  EXPECT_FALSE(sha1.isAttack());
}

TEST(Hasher, RefusesAnAttack) {
  Hasher hasher(ObjectFormat::sha1);
  hasher.restart();
  hasher.update(shattered());
  EXPECT_THROW(hasher.finish(), base::Error);
  hasher.restart();
  hasher.update("abc");
  EXPECT_EQ(hasher.finish().hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Hasher, NamesObjectsInBothFormats) {
  EXPECT_EQ(Hasher(ObjectFormat::sha1).object(ObjectType::blob, "hello\n").hex(),
            "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_EQ(Hasher(ObjectFormat::sha256).object(ObjectType::blob, "").hex(),
            "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813");
}

}  // namespace
}  // namespace git::detail
