#include "base/digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace base {
namespace {

const std::string kEmptyHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Digest, IsThatOfTheBytes) {
  EXPECT_EQ(Digest::of("").str(), "sha256:" + kEmptyHex);
  EXPECT_EQ(Digest::of("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, ParsesItsOwnText) {
  const auto digest = Digest::parse("sha256:" + kEmptyHex);
  EXPECT_EQ(digest, Digest::of(""));
  EXPECT_EQ(digest.hex(), kEmptyHex);
}

TEST(Digest, RejectsEverythingElse) {
  const std::string upper = "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
  for (const auto& bad :
       {std::string(), kEmptyHex, "sha256:" + kEmptyHex + "0", "sha256:" + kEmptyHex.substr(1), upper,
        "sha512:" + kEmptyHex, "sha256:" + kEmptyHex.substr(1) + "/", " sha256:" + kEmptyHex.substr(1)}) {
    EXPECT_FALSE(Digest::tryParse(bad)) << bad;
    EXPECT_THROW(Digest::parse(bad), Error) << bad;
  }
}

TEST(Digest, KnowsSha512) {
  const auto digest = Digest::of("abc", DigestAlgorithm::sha512);
  EXPECT_EQ(digest.str(),
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(digest.algorithm(), DigestAlgorithm::sha512);
  EXPECT_EQ(digest.hex().size(), 128u);
  EXPECT_EQ(Digest::parse(digest.str()), digest);
  EXPECT_EQ(Digest::of("abc").algorithm(), DigestAlgorithm::sha256);
  EXPECT_FALSE(Digest::tryParse("sha256:" + digest.hex()));
  EXPECT_FALSE(Digest::tryParse(digest.str() + "0"));
  EXPECT_EQ(parseDigestAlgorithm("sha512"), DigestAlgorithm::sha512);
  EXPECT_EQ(parseDigestAlgorithm("md5"), std::nullopt);
}

TEST(Hasher, DoesNotCareAboutPieces) {
  Hasher hash;
  for (const char* piece : {"a", "", "bc"})
    hash.update(piece);
  Hasher moved = std::move(hash);
  EXPECT_EQ(moved.finish(), Digest::of("abc"));
}

TEST(HmacSha256Hex, MatchesRfc4231) {
  EXPECT_EQ(hmacSha256Hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmacSha256Hex("", ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Sha256Base64, HasNoPadding) {
  EXPECT_EQ(sha256Base64(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
}

TEST(ToHex, IsLowerCase) {
  EXPECT_EQ(toHex(std::string("\x00\xAB\xff", 3)), "00abff");
}

TEST(RandomHex, HasTheLengthAndDiffers) {
  EXPECT_EQ(randomHex(16).size(), 32u);
  EXPECT_NE(randomHex(16), randomHex(16));
  EXPECT_EQ(randomHex(0), "");
}

TEST(RandomUuid, IsVersion4) {
  EXPECT_THAT(randomUuid(),
              testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

}  // namespace
}  // namespace base
