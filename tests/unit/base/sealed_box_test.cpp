#include "base/sealed_box.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(SealedBox, OpensWhatItSealed) {
  const SealingKey key = SealingKey::make();
  for (const std::string& plain : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
    const std::string sealed = key.seal(plain, "app 1\nNAME");
    EXPECT_EQ(key.unseal(sealed, "app 1\nNAME"), plain);
    EXPECT_NE(key.seal(plain, "app 1\nNAME"), sealed) << "a nonce is not used twice";
  }
}

TEST(SealedBox, OpensNothingElse) {
  const SealingKey key = SealingKey::make();
  const std::string sealed = key.seal("value", "about");
  EXPECT_FALSE(key.unseal(sealed, "about another"));
  EXPECT_FALSE(SealingKey::make().unseal(sealed, "about"));
  EXPECT_FALSE(key.unseal("", "about"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(key.unseal(changed, "about")) << i;
    EXPECT_FALSE(key.unseal(sealed.substr(0, i), "about")) << i;
  }
}

TEST(SealedBox, AKeyIsReadBackAndKnowsThatItIsDamaged) {
  const SealingKey key = SealingKey::make();
  const auto again = SealingKey::parse(key.text() + "\n");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id(), key.id());
  EXPECT_EQ(again->unseal(key.seal("value", ""), ""), "value");
  for (std::size_t i = 0; i < key.text().size(); ++i) {
    std::string changed = key.text();
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(SealingKey::parse(changed)) << i;
  }
  EXPECT_FALSE(SealingKey::parse(""));
}

}  // namespace
}  // namespace base
