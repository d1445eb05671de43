#include "runner/detail/caddy_access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fuzz/runner_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace runner::detail {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kRequest =
    R"({"level":"info","ts":1795352585.410613,"logger":"http.log.access.router","msg":"handled request",)"
    R"("request":{"remote_ip":"127.0.0.1","remote_port":"35442","proto":"HTTP/1.1","method":"GET",)"
    R"("host":"Hello.localhost:8080","uri":"/a?x=1","headers":{"User-Agent":["curl/7.88.1"],)"
    R"("X-Forwarded-For":["192.0.2.7"]}},"user_id":"","duration":0.012673267,"size":2,"status":200,)"
    R"("resp_headers":{"Server":["Caddy"],"X-Request-Id":["de1f21e9"]}})";

std::string requestFor(const std::string& uri) {
  return R"({"ts":1,"request":{"host":"h","method":"GET","proto":"HTTP/1.1","remote_ip":"::1","uri":")" +
         uri + R"("},"status":200,"size":0,"duration":0})";
}

TEST(CaddyAccessLog, BecomesALineAsHerokusRouterWritesThem) {
  const auto line = parseAccessLine(kRequest);
  ASSERT_TRUE(line);
  EXPECT_EQ(formatLogTime(line->time), "2026-11-22T13:03:05.410613+00:00");
  EXPECT_EQ(hostOf(*line), "hello.localhost");
  EXPECT_EQ(formatAccessLine(*line),
            "at=info method=GET path=\"/a?x=1\" host=Hello.localhost:8080 request_id=de1f21e9 "
            "fwd=\"192.0.2.7, 127.0.0.1\" service=12ms status=200 bytes=2 protocol=HTTP/1.1");
}

constexpr const char* kWithNotes =
    R"({"level":"info","ts":1795387712.9647143,"logger":"http.log.access.router","msg":"handled request",)"
    R"("request":{"remote_ip":"127.0.0.1","remote_port":"35822","proto":"HTTP/1.1","method":"GET",)"
    R"("host":"hello.localhost","uri":"/"},"user_id":"c09734ae-21b7 192.0.2.7, 192.0.2.8",)"
    R"("duration":0.002228371,"size":34,"status":200})";

TEST(CaddyAccessLog, ItsNotesAreItsIdAndWhomItWasForwardedFor) {
  const auto line = parseAccessLine(kWithNotes);
  ASSERT_TRUE(line);
  EXPECT_THAT(formatAccessLine(*line),
              HasSubstr("request_id=c09734ae-21b7 fwd=\"192.0.2.7, 192.0.2.8, 127.0.0.1\" service=2ms"));
  const auto page = parseAccessLine(
      R"({"ts":1,"request":{"host":"h","remote_ip":"::1"},"user_id":"de1f21e9 ","status":503})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->requestId, "de1f21e9");
  EXPECT_EQ(page->forwarded, "");
}

TEST(CaddyAccessLog, AHostileRequestIsOneLineWithItsValuesInQuotes) {
  const auto line = parseAccessLine(requestFor(R"(/\" status=500\n\u001b[2J\\\u0000)"));
  ASSERT_TRUE(line);
  EXPECT_THAT(formatAccessLine(*line), HasSubstr(R"(path="/\" status=500\x0a\x1b[2J\\\x00" host=h)"));
  const auto longer = parseAccessLine(requestFor("/" + std::string(100'000, 'x')));
  ASSERT_TRUE(longer);
  EXPECT_LT(formatAccessLine(*longer).size(), 2300u);
  EXPECT_THAT(formatAccessLine(*longer), HasSubstr("x...\""));
  auto spaced = *line;
  spaced.requestId = "a status=500";
  EXPECT_THAT(formatAccessLine(spaced), HasSubstr(R"(request_id="a status=500" fwd)"));
}

TEST(CaddyAccessLog, AnythingElseIsNoRequest) {
  const std::string request = kRequest;
  for (std::size_t length = 0; length < request.size(); ++length)
    EXPECT_FALSE(parseAccessLine(request.substr(0, length))) << length;
  EXPECT_FALSE(parseAccessLine(request + "}"));
  EXPECT_FALSE(parseAccessLine(R"({"level":"info","ts":1.5,"msg":"started"})"));
  EXPECT_FALSE(parseAccessLine(R"({"ts":1e300,"request":{"host":"h"},"status":200})"));
  EXPECT_FALSE(parseAccessLine(R"({"ts":1,"request":{"host":"h"},"status":-1})"));
  EXPECT_FALSE(
      parseAccessLine(R"({"ts":1,"request":{"host":"h"},"status":200,"x":)" + std::string(100'000, '[')));
}

TEST(CaddyAccessLog, TheCorpusIsReadWithoutHarm) {
  EXPECT_GE(testing_support::replayVaried("access_line", fuzz::accessLine), 4);
}

}  // namespace
}  // namespace runner::detail
