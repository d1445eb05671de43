#include "cli/progress_line.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/byte_streams.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/cli/scripted_server.h"

namespace {

using cli::ProgressLine;
using cli::testing::Scene;
using cli::testing::ScriptedServer;
using testing_support::StringSink;

constexpr std::uint64_t kMega = 1u << 20;

class ProgressLineTest : public ::testing::Test {
 protected:
  void pass(ProgressLine& line, std::uint64_t bytes, int ms) {
    clock_.advance(std::chrono::milliseconds(ms));
    line.add(bytes);
  }
  test::FakeClock clock_;
  StringSink screen_;
};

TEST_F(ProgressLineTest, IsWrittenOverAndEndsItsLine) {
  {
    ProgressLine line(&screen_, &clock_, "hello.tgz", 10 * kMega);
    pass(line, kMega, 600);
    pass(line, kMega, 50);
    pass(line, kMega, 60);
    EXPECT_EQ(screen_.text, "\rhello.tgz: 1.0M of 10.0M (10%)\rhello.tgz: 3.0M of 10.0M (30%)");
    pass(line, 7 * kMega, 1);
  }
  EXPECT_TRUE(screen_.text.ends_with("\rhello.tgz: 10.0M of 10.0M (100%)\n")) << screen_.text;
}

TEST_F(ProgressLineTest, WhatIsShortIsNotShown) {
  {
    ProgressLine line(&screen_, &clock_, "hello.tgz", 2 * kMega);
    pass(line, kMega, 100);
    pass(line, kMega, 100);
  }
  EXPECT_EQ(screen_.text, "");
}

TEST_F(ProgressLineTest, HasNoShareOfWhatNobodyKnows) {
  ProgressLine line(&screen_, &clock_, "sending", std::nullopt);
  pass(line, 3 * kMega, 600);
  EXPECT_EQ(screen_.text, "\rsending: 3.0M");
}

TEST_F(ProgressLineTest, CoversALongerLine) {
  ProgressLine line(&screen_, &clock_, "x", std::nullopt);
  pass(line, 1023, 600);
  pass(line, 1, 600);
  EXPECT_EQ(screen_.text, "\rx: 1023B\rx: 1K   ");
}

TEST_F(ProgressLineTest, GoesOnFromAPart) {
  ProgressLine line(&screen_, &clock_, "x", 4 * kMega);
  line.beginAt(2 * kMega);
  pass(line, kMega, 600);
  EXPECT_EQ(screen_.text, "\rx: 3.0M of 4.0M (75%)");
}

TEST_F(ProgressLineTest, IsNothingWithoutATerminal) {
  ProgressLine line(nullptr, &clock_, "x", 4 * kMega);
  pass(line, kMega, 600);
  line.finish();
  EXPECT_EQ(screen_.text, "");
}

TEST_F(ProgressLineTest, DoesNotFailInItsDestructor) {
  class Broken : public base::ByteSink {
   public:
    void write(std::string_view) override {
      if (broken) throw base::Error(base::Errc::io, "closed");
    }
    bool broken = false;
  } broken;
  {
    ProgressLine line(&broken, &clock_, "x", 4 * kMega);
    pass(line, kMega, 600);
    broken.broken = true;
  }
  EXPECT_TRUE(broken.broken);
}

/// A clock that goes on by a second whenever it is looked at.
class Hasty : public base::Clock {
 public:
  base::Time now() const override {
    now_ += std::chrono::seconds(1);
    return now_;
  }

 private:
  mutable base::Time now_{};
};

struct LongScene : Scene {
  explicit LongScene() : server(folder / "data") {
    surroundings.clock = &clock;
    server.lines = "{\"save\":{\"path\":\"/fairlead/slug\",\"file\":\"hello.tgz\"}}\n{\"exit\":0}\n";
    server.files["/fairlead/slug"] = std::string(3 * kMega, 'x');
  }
  Hasty clock;
  ScriptedServer server;
};

TEST(Progress, IsShownForDownloadsAndUploadsOnATerminal) {
  LongScene scene;
  scene.surroundings.terminal = scene.surroundings.errTerminal = true;
  EXPECT_EQ(scene.run({"slugs:download", "-o", "hello.tgz"}), 0);
  EXPECT_NE(scene.err.text.find("\rhello.tgz: 3.0M of 3.0M (100%)\n"), std::string::npos) << scene.err.text;
  scene.err.text.clear();
  scene.server.lines = "{\"exit\":0}\n";
  scene.folder.write("work/app.tgz", std::string(2 * kMega, 'y'));
  EXPECT_EQ(scene.run({"builds:create", "--source", "app.tgz"}), 0);
  EXPECT_NE(scene.err.text.find("\rsending app.tgz: 2.0M of 2.0M (100%)\n"), std::string::npos)
      << scene.err.text;
  EXPECT_EQ(scene.out.text, "");
}

TEST(Progress, IsNotShownToPrograms) {
  for (const int without : {0, 1, 2}) {
    LongScene scene;
    scene.surroundings.terminal = without != 0;
    scene.surroundings.errTerminal = without != 1;
    std::vector<std::string> words{"slugs:download", "-o", "hello.tgz"};
    if (without == 2) words.emplace_back("--json");
    EXPECT_EQ(scene.run(words), 0);
    EXPECT_EQ(scene.err.text, "") << without;
  }
}

}  // namespace
