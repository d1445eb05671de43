#include "base/base64.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Base64, IsThatOfTheStandard) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(toBase64(bytes), text);
    EXPECT_EQ(fromBase64(text), bytes);
    EXPECT_EQ(fromBase64(toBase64Url(bytes)), bytes);
  }
  EXPECT_EQ(toBase64("\xfb\xff"), "+/8=");
  EXPECT_EQ(toBase64Url("\xfb\xff"), "-_8");
  EXPECT_EQ(fromBase64("-_8"), "\xfb\xff");
}

TEST(Base64, TakesNothingElse) {
  for (const char* wrong :
       {"Z", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9v\n", "Zm 9", "Zm9v!A==", "=Zg="})
    EXPECT_EQ(fromBase64(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace base
