#include "controller/drain_target.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace controller {
namespace {

const runner::LogLine kLine{.time = "2026-01-31T12:00:00.000000+00:00",
                            .source = "app",
                            .process = "web.1",
                            .text = "hello \xC3\xA4"};

TEST(DrainTarget, TakesUrlsApart) {
  const DrainTarget plain = DrainTarget::parse("syslog://logs.example.com:514");
  EXPECT_EQ(plain.kind, DrainTarget::Kind::syslog);
  EXPECT_EQ(plain.host, "logs.example.com");
  EXPECT_EQ(plain.port, 514);
  EXPECT_EQ(DrainTarget::parse("syslog+tls://logs.example.com").port, 6514);
  const DrainTarget web = DrainTarget::parse("https://user:p%40ss@logs.example.com/in?x=1");
  EXPECT_EQ(web.kind, DrainTarget::Kind::https);
  EXPECT_EQ(web.port, 443);
  EXPECT_EQ(web.path, "/in?x=1");
  EXPECT_EQ(web.userInfo, "user:p@ss");
  EXPECT_EQ(DrainTarget::parse("http://127.0.0.1:8080").path, "/");
}

TEST(DrainTarget, RefusesOthers) {
  for (const char* url : {"", "logs.example.com:514", "syslog://logs.example.com", "ftp://a.b/c",
                          "syslog://:514", "syslog://a.b:514/path", "https://", "http://a b/",
                          "file:///etc/passwd", "syslog://a:99999", "https://a.b/\n"}) {
    EXPECT_THROW(DrainTarget::parse(url), base::Error) << url;
  }
}

TEST(DrainTarget, HidesPasswords) {
  EXPECT_EQ(withoutPassword("https://user:secret@a.b/c"), "https://user:***@a.b/c");
  EXPECT_EQ(withoutPassword("https://user:se@cret@a.b/c"), "https://user:***@a.b/c");
  EXPECT_EQ(withoutPassword("https://a.b:80/c@d"), "https://a.b:80/c@d");
  EXPECT_EQ(withoutPassword("syslog://a.b:514"), "syslog://a.b:514");
}

TEST(DrainTarget, FramesLines) {
  EXPECT_EQ(syslogFrame(kLine, "d.1"),
            "67 <190>1 2026-01-31T12:00:00.000000+00:00 d.1 app web.1 - - hello \xC3\xA4\n");
  EXPECT_EQ(logplexFrame(kLine),
            "66 <190>1 2026-01-31T12:00:00.000000+00:00 host app web.1 - hello \xC3\xA4\n");
  runner::LogLine odd = kLine;
  odd.process = "a b";
  odd.source = "";
  EXPECT_EQ(logplexFrame(odd).substr(0, 62),
            "61 <46>1 2026-01-31T12:00:00.000000+00:00 host - a-b - hello \xC3");
}

}  // namespace
}  // namespace controller
