#include "git/detail/hash_sha1.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

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
