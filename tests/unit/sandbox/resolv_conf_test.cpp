#include "sandbox/detail/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace sandbox {
namespace {

TEST(ResolvConf, TakesTheHostsServersAndSearchList) {
  const auto file =
      makeResolvConf({.configured = "",
                      .host = "# made by hand\nnameserver 192.0.2.53\nsearch example.org\noptions edns0\n",
                      .upstream = "nameserver 9.9.9.9\n"});
  EXPECT_EQ(file.text, "nameserver 192.0.2.53\nsearch example.org\noptions edns0\n");
  EXPECT_FALSE(file.guessed);
}

TEST(ResolvConf, LooksBehindALocalStub) {
  const auto file =
      makeResolvConf({.configured = "",
                      .host = "nameserver 127.0.0.53\nsearch lan\n",
                      .upstream = "nameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\n"});
  EXPECT_EQ(file.text, "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch lan\n");
}

TEST(ResolvConf, SettingWins) {
  EXPECT_EQ(makeResolvConf(
                {.configured = "192.0.2.7, 192.0.2.8", .host = "nameserver 192.0.2.53\n", .upstream = ""})
                .text,
            "nameserver 192.0.2.7\nnameserver 192.0.2.8\n");
  EXPECT_THROW(makeResolvConf({.configured = "dns.example.org", .host = "", .upstream = ""}), base::Error);
}

TEST(ResolvConf, SaysWhenItHadToGuess) {
  const auto file =
      makeResolvConf({.configured = "", .host = "nameserver 127.0.0.1\nnameserver ::1\n", .upstream = ""});
  EXPECT_TRUE(file.guessed);
  EXPECT_THAT(file.text, ::testing::HasSubstr("nameserver "));
  EXPECT_THAT(file.text, ::testing::Not(::testing::HasSubstr("127.")));
}

}  // namespace
}  // namespace sandbox
