#include "controller/app_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "controller/network_policy.h"

namespace controller {
namespace {

using ::testing::HasSubstr;

template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "";
}

AppLimits limits(LimitValues maxima) {
  LimitValues defaults;
  for (const AppLimit& each : kAppLimits)
    defaults[std::string(each.name)] = each.unit == AppLimit::Unit::bytes ? 4ull << 30 : 100;
  for (const AppLimit& each : kProcessLimits)
    defaults[std::string(each.name)] = each.unit == AppLimit::Unit::bytes ? 1ull << 30 : 100;
  defaults["build_cpus"] = 0;
  return {defaults, std::move(maxima)};
}

TEST(AppLimits, ReadWhatTheyShow) {
  for (const char* text : {"0.5", "1.25", "0.125", "2", "0", "64"})
    EXPECT_EQ(showLimit(appLimit("build_cpus"), parseLimit(appLimit("build_cpus"), text)), text);
  for (const char* text : {"1G", "1500M", "1048577"})
    EXPECT_EQ(showLimit(appLimit("build_disk_bytes"), parseLimit(appLimit("build_disk_bytes"), text)), text);
  EXPECT_EQ(parseLimits("build_pids=5, build_memory_bytes=1G").at("build_memory_bytes"), 1u << 30);
}

TEST(AppLimits, RefuseWhatIsNoValue) {
  const auto parse = [](const char* name, const char* text) {
    return refusal([&] { parseLimit(appLimit(name), text); });
  };
  for (const char* text : {"", "-1", "soon", "1.5", "99999999999999999999", "31536001"})
    EXPECT_THAT(parse("build_timeout_s", text), HasSubstr("whole number of seconds")) << text;
  for (const char* text : {"", "1.", ".5", "0.0001", "1e3", "99999999999"})
    EXPECT_THAT(parse("build_cpus", text), HasSubstr("processors")) << text;
  EXPECT_THAT(parse("build_timeout_s", "0"), HasSubstr("at least 1"));
  EXPECT_THAT(parse("build_memory_bytes", "1K"), HasSubstr("at least 1M"));
  EXPECT_THAT(refusal([] { parseLimits("build_pids"); }), HasSubstr("NAME=VALUE"));
}

TEST(AppLimits, TheOperatorsMaximumRules) {
  const AppLimits book = limits({{"build_memory_bytes", 8ull << 30}});
  const AppLimit& memory = appLimit("build_memory_bytes");
  using Settings = std::map<std::string, std::string>;
  EXPECT_EQ(book.effective(memory, Settings()), 4ull << 30);
  EXPECT_EQ(book.effective(memory, Settings{{"build_memory_bytes", "6G"}}), 6ull << 30);
  // Lowered since it was set.
  EXPECT_EQ(book.effective(memory, Settings{{"build_memory_bytes", "60G"}}), 8ull << 30);
  EXPECT_EQ(book.accept(memory, "8192M"), "8G");
  EXPECT_THAT(refusal([&] { book.accept(memory, "9G"); }), HasSubstr("app_limits_max"));
  // Not named there: the server's value is the most.
  EXPECT_NE(refusal([&] { book.accept(appLimit("build_pids"), "101"); }), "");
  EXPECT_NE(refusal([&] { book.accept(appLimit("build_idle_timeout_s"), "0"); }), "");
  EXPECT_EQ(book.accept(appLimit("build_cpus"), "32"), "32");
}

TEST(NetworkPolicy, ReadsWhatItShows) {
  for (const char* text : {"full", "none", "allow a.org", "allow a.org,*.b.org,c.org:80,10.0.0.1:5432"})
    EXPECT_EQ(showNetwork(networkOf({{"network", text}})), text);
  EXPECT_EQ(showNetwork(networkOf({})), "full");
  EXPECT_EQ(showNetwork(parseNetwork({"allow", "A.org.,a.org", "b"})), "allow a.org,b");
}

TEST(NetworkPolicy, RefusesWhatIsNoHost) {
  for (const char* host : {"https://a.org/", "a..org", "*", "*.*.org", "a.*.org", "a.org:0", "a.org:65536",
                           "a.org:http", "1.2.3", "1.2.3.256", "::1", "a b", "a_\n", "-a.org:"})
    EXPECT_THAT(refusal([&] { parseNetwork({"allow", host}); }), HasSubstr("is no host")) << host;
  EXPECT_THAT(refusal([] { parseNetwork({"allow"}); }), HasSubstr("needs hosts"));
  EXPECT_THAT(refusal([] { parseNetwork({"none", "a.org"}); }), HasSubstr("takes no hosts"));
  EXPECT_THAT(refusal([] { parseNetwork({"all"}); }), HasSubstr("is no policy"));
}

}  // namespace
}  // namespace controller
