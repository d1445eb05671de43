#include "controller/host_name.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace controller {
namespace {

TEST(HostName, IsAsARequestNamesIt) {
  EXPECT_EQ(normalHost("www.example.com"), "www.example.com");
  EXPECT_EQ(normalHost(" WWW.Example.COM. "), "www.example.com");
  EXPECT_EQ(normalHost("*.example.com"), "*.example.com");
  EXPECT_EQ(normalHost("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(normalHost("a.b"), "a.b");
}

TEST(HostName, WritesOtherLettersInPunycode) {
  EXPECT_EQ(normalHost("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(normalHost("BÜCHER.example"), "xn--bcher-kva.example");
  EXPECT_EQ(normalHost("münchen.de"), "xn--mnchen-3ya.de");
  EXPECT_EQ(normalHost("例え.テスト"), "xn--r8jz45g.xn--zckzah");
  EXPECT_EQ(normalHost("пример.испытание"), "xn--e1afmkfd.xn--80akhbyknj4f");
  EXPECT_EQ(normalHost("*.faß.de"), "*.xn--fa-hia.de");
}

TEST(HostName, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string(""),          std::string("localhost"),    std::string("*"),
        std::string("*.com"),     std::string("a..b"),         std::string(".a.b"),
        std::string("-a.b"),      std::string("a-.b"),         std::string("a_b.c"),
        std::string("a b.c"),     std::string("www.*.com"),    std::string("w*.example.com"),
        std::string("127.0.0.1"), std::string("[::1]"),        std::string("http://a.b"),
        std::string("a.b:80"),    std::string("a.b/c"),        std::string("\xff\xfe.b"),
        std::string("a.b\0c", 5), std::string("../a.b"),       std::string(64, 'a') + ".b",
        std::string(2000, 'a'),   "a." + std::string(300, '.')}) {
    EXPECT_THROW(normalHost(text), base::Error) << text;
  }
  std::string manyParts;
  for (int i = 0; i < 130; ++i)
    manyParts += "a.";
  EXPECT_THROW(normalHost(manyParts + "b"), base::Error);
}

}  // namespace
}  // namespace controller
