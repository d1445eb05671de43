#include "sandbox/detail/dns_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sandbox/detail/network_guard.h"

namespace sandbox {
namespace {

using std::string_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kQuestion =
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03WwW\x07"
    "example\x03org\x00\x00\x01\x00\x01"s;

TEST(DnsMessage, ReadsAQuestion) {
  const auto question = DnsQuestion::parse(kQuestion);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->id, 0x1234);
  EXPECT_EQ(question->name, "www.example.org");
  EXPECT_EQ(question->type, kDnsTypeA);
  EXPECT_EQ(question->raw, kQuestion.substr(12));
}

TEST(DnsMessage, RefusesWhatIsNoQuestion) {
  for (std::size_t cut = 0; cut < kQuestion.size(); ++cut)
    EXPECT_FALSE(DnsQuestion::parse(kQuestion.substr(0, cut))) << cut;
  std::string answer = kQuestion;
  answer[2] = '\x81';
  EXPECT_FALSE(DnsQuestion::parse(answer));
  std::string two = kQuestion;
  two[5] = '\x02';
  EXPECT_FALSE(DnsQuestion::parse(two));
  std::string pointer = kQuestion;
  pointer[12] = '\xc0';
  EXPECT_FALSE(DnsQuestion::parse(pointer));
}

TEST(DnsMessage, NamesHoldNoBytesThatALogWouldObey) {
  std::string question = kQuestion;
  question[13] = '\x1b';
  question[14] = '\n';
  question[15] = '.';
  EXPECT_EQ(DnsQuestion::parse(question)->name, "???.example.org");
}

TEST(DnsMessage, RepliesWithAddresses) {
  const auto question = DnsQuestion::parse(kQuestion);
  const std::string reply = dnsReply(*question, DnsCode::ok, {0x01020304, 0x05060708});
  const auto answer = parseDnsAnswer(reply, 0x1234, "www.example.org");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, DnsCode::ok);
  EXPECT_THAT(answer->addresses, ElementsAre(0x01020304u, 0x05060708u));
  EXPECT_LE(dnsReply(*question, DnsCode::ok, std::vector<std::uint32_t>(500, 1)).size(), 512u);
  const auto none = parseDnsAnswer(dnsReply(*question, DnsCode::noSuchName, {}), 0x1234, "www.example.org");
  EXPECT_EQ(none->code, DnsCode::noSuchName);
  EXPECT_THAT(none->addresses, IsEmpty());
}

TEST(DnsMessage, TakesOnlyTheAnswerToItsQuestion) {
  const std::string reply = dnsReply(*DnsQuestion::parse(kQuestion), DnsCode::ok, {1});
  EXPECT_FALSE(parseDnsAnswer(reply, 0x1235, "www.example.org"));
  EXPECT_FALSE(parseDnsAnswer(reply, 0x1234, "www.example.com"));
  EXPECT_FALSE(parseDnsAnswer(kQuestion, 0x1234, "www.example.org"));
}

TEST(DnsMessage, AsksForNamesThatFit) {
  const auto query = dnsQuery(7, "a.example.org");
  ASSERT_TRUE(query);
  EXPECT_EQ(DnsQuestion::parse(*query)->name, "a.example.org");
  EXPECT_FALSE(dnsQuery(7, ""));
  EXPECT_FALSE(dnsQuery(7, "a..b"));
  EXPECT_FALSE(dnsQuery(7, std::string(64, 'a') + ".org"));
  EXPECT_FALSE(dnsQuery(7, std::string(300, 'a')));
}

TEST(NetworkGuardRules, AWildcardCoversWhatIsBelowIt) {
  const AllowedHost below{.name = "*.example.org", .port = 0};
  EXPECT_TRUE(covers(below, "registry.example.org"));
  EXPECT_TRUE(covers(below, "a.b.example.org"));
  EXPECT_FALSE(covers(below, "example.org"));
  EXPECT_FALSE(covers(below, "evilexample.org"));
  EXPECT_FALSE(covers(below, "example.org.evil.org"));
  EXPECT_TRUE(covers({.name = "a.org", .port = 0}, "a.org"));
  EXPECT_FALSE(covers({.name = "a.org", .port = 0}, "b.a.org"));
}

}  // namespace
}  // namespace sandbox
