#include "base/secret_mask.h"

#include <gtest/gtest.h>

#include <random>

namespace base {
namespace {

std::shared_ptr<const Secrets> secretsOf(const std::map<std::string, std::string>& values) {
  return std::make_shared<const Secrets>(values);
}

/// The same text in every way of cutting it in two, and byte by byte.
void expectMasked(const std::shared_ptr<const Secrets>& secrets, const std::string& text,
                  const std::string& wanted) {
  EXPECT_EQ(SecretMask::apply(secrets, text), wanted);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    SecretMask mask(secrets);
    std::string out = mask.feed(text.substr(0, cut));
    out += mask.feed(text.substr(cut));
    EXPECT_EQ(out + mask.flush(), wanted) << cut;
  }
  SecretMask mask(secrets);
  std::string out;
  for (const char c : text)
    out += mask.feed(std::string(1, c));
  EXPECT_EQ(out + mask.flush(), wanted);
}

TEST(SecretMask, ReplacesValuesHoweverTheyAreWritten) {
  const auto secrets =
      secretsOf({{"PASSWORD", "correct-horse"}, {"SHORT", "1234567"}, {"TOKEN", "abcabcabd"}});
  expectMasked(secrets, "the password is correct-horse, 1234567\n", "the password is [PASSWORD], 1234567\n");
  expectMasked(secrets, "abcabcabcabd", "abc[TOKEN]");
  expectMasked(secrets, "correct-horscorrect-horse", "correct-hors[PASSWORD]");
  expectMasked(secrets, "nothing here", "nothing here");
  expectMasked(secrets, "correct-", "correct-");
}

TEST(SecretMask, PrefersTheLongestOfThoseThatBeginAlike) {
  const auto secrets = secretsOf({{"A", "postgres://"}, {"B", "postgres://host/db"}, {"C", "host/db/table"}});
  expectMasked(secrets, "postgres://host/db", "[B]");
  expectMasked(secrets, "postgres://host/d", "[A]host/d");
  expectMasked(secrets, "postgres://host/db/table", "[B]/table");
}

TEST(SecretMask, ReplacesLinesOfLongValuesAndPiecesOfLongLines) {
  std::string longLine;
  for (int i = 0; i < 67; ++i)
    longLine += static_cast<char>('a' + i % 23);
  const auto secrets = secretsOf(
      {{"PEM", "-----BEGIN KEY-----\nMIIBVgIBADAN\nshort\n-----END KEY-----\n"}, {"LONG", longLine}});
  expectMasked(secrets, "-----BEGIN KEY-----\r\nMIIBVgIBADAN\r\nshort\r\n", "[PEM]\r\n[PEM]\r\nshort\r\n");
  expectMasked(secrets, "x" + longLine + "y", "x[LONG]y");
}

TEST(SecretMask, LetsEverythingPassWithoutSecrets) {
  SecretMask none(nullptr);
  EXPECT_EQ(none.feed("text"), "text");
  SecretMask mask(secretsOf({{"SHORT", "abc"}}));
  EXPECT_EQ(mask.feed("abc"), "abc");
  EXPECT_EQ(mask.flush(), "");
}

TEST(SecretMask, FindsWhatASimpleSearchFinds) {
  std::mt19937 random(1);  // NOLINT: the same texts each time
  const auto word = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i)
      text += static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, std::string> values;
    for (const char* name : {"A", "B", "C", "D"})
      values[name] = word(8 + random() % 6);
    const std::string text = word(60);
    std::string wanted;
    std::string last;
    for (std::size_t i = 0; i < text.size();) {
      std::string best;
      std::size_t length = 0;
      for (const auto& [name, value] : values) {
        if (text.compare(i, value.size(), value) != 0 || value.size() <= length) continue;
        best = "[" + name + "]";
        length = value.size();
      }
      if (length == 0)
        wanted += text[i++];
      else if (best != last || wanted.empty() || wanted.back() != ']')
        wanted += best;
      i += length;
      last = best;
    }
    SecretMask mask(secretsOf(values));
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t step = 1 + random() % 20;
      out += mask.feed(text.substr(i, step));
      i += step;
    }
    EXPECT_EQ(out + mask.flush(), wanted) << text;
  }
}

}  // namespace
}  // namespace base
