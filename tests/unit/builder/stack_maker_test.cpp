// How a stack is made; that mmdebstrap makes one takes minutes, root and mirrors.
#include "builder/stack_maker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <map>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "tests/support/failure_of.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_folder.h"

namespace builder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StackMakerTest : public testing::Test {
 protected:
  /// Both images are made by a shell with these lines.
  StackLayers make(const std::string& run, const std::string& build, std::stop_token stop = {}) {
    const std::map<std::string, std::string> scripts{{"stack debian-12 run", run},
                                                     {"stack debian-12 build", build}};
    programs_ = sandbox::makeHostPrograms([scripts](const std::string& name) -> sandbox::HostProgram {
      return {.argv = {"sh", "-c", scripts.at(name)}, .environment = {"PATH=/usr/bin:/bin"}};
    });
    return makeStack("debian-12", blobs_, *programs_, output_, std::move(stop));
  }

  struct Lines : base::ByteSink {
    void write(std::string_view bytes) override { text += bytes; }
    std::string text;
  };

  testing_support::TempFolder folder_;
  testing_support::MemoryBlobStore blobs_;
  Lines output_;
  std::unique_ptr<sandbox::HostPrograms> programs_;
};

TEST_F(StackMakerTest, NamesTheKnownStacks) {
  EXPECT_THAT(knownStacks(), ElementsAre("debian-12"));
  EXPECT_THAT(stackPrograms(), ElementsAre("stack debian-12 run", "stack debian-12 build"));
  const auto programs = sandbox::makeHostPrograms(stackProgram);
  try {
    makeStack("heroku-24", blobs_, *programs, output_, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::notFound);
    EXPECT_THAT(error.what(), HasSubstr("debian-12"));
  }
  for (const char* name : {"stack debian-12", "stack debian-12 run ", "stack heroku-24 run", "router", ""})
    EXPECT_THROW(stackProgram(name), base::Error) << name;
}

TEST_F(StackMakerTest, EachImageIsOneLayer) {
  const auto layers = make("echo run; echo I: done >&2", "head -c 300000 /dev/zero; echo build");
  EXPECT_EQ(layers.run.diffId, base::Digest::of("run\n"));
  EXPECT_EQ(layers.build.diffId, base::Digest::of(std::string(300'000, '\0') + "build\n"));
  EXPECT_EQ(blobs_.count(), 2u);
  EXPECT_THAT(output_.text, HasSubstr("run image: "));
}

TEST_F(StackMakerTest, AFailureIsToldInItsOwnWordsAndLeavesNothing) {
  const auto failure = [&](const std::string& run, const std::string& build) {
    return std::string(testing_support::failureOf([&] { make(run, build); }).what());
  };
  EXPECT_THAT(failure("echo E: no space left >&2; exit 25", "echo build"),
              testing::AllOf(HasSubstr("making the run image failed (mmdebstrap: exit status 25)"),
                             HasSubstr("no space left")));
  EXPECT_THAT(failure("echo run", "kill -9 $$"), HasSubstr("making the build image failed"));
  EXPECT_EQ(blobs_.count(), 1u);  // of the second try, whose run image was whole
}

TEST_F(StackMakerTest, WhatCannotBeStartedIsToldAsItIs) {
  const auto programs = sandbox::makeHostPrograms([](const std::string&) -> sandbox::HostProgram {
    throw base::Error(base::Errc::unavailable, "mmdebstrap is not installed");
  });
  const auto failure =
      testing_support::failureOf([&] { makeStack("debian-12", blobs_, *programs, output_, {}); });
  EXPECT_STREQ(failure.what(), "mmdebstrap is not installed");
}

TEST_F(StackMakerTest, ACancelledOneEndsBothPrograms) {
  const auto held = folder_ / "held";
  ASSERT_EQ(::mkfifo(held.c_str(), 0600), 0);
  const base::Fd reader = base::openFile(held, O_RDONLY | O_NONBLOCK);
  // Each has it open until it has ended, and says so when it is asked to.
  const std::string script =
      "exec 3>" + held.string() +
      "; trap 'echo asked >&3; exit 1' TERM; echo begun >&3; while :; do sleep 0.05; done";
  std::stop_source stop;
  std::jthread canceller([&] {
    std::string said;
    while (said.size() < std::string("begun\nbegun\n").size()) {
      pollfd entry{reader.get(), POLLIN, 0};
      if (::poll(&entry, 1, 20'000) <= 0) break;
      char buffer[64];
      said.append(buffer, base::readSome(reader, buffer, sizeof buffer));
    }
    stop.request_stop();
  });
  const auto failure = testing_support::failureOf([&] { make(script, script, stop.get_token()); });
  EXPECT_EQ(failure.code(), base::Errc::cancelled);
  char buffer[64];
  EXPECT_EQ(std::string(buffer, base::readSome(reader, buffer, sizeof buffer)), "asked\nasked\n");
  EXPECT_EQ(base::readSome(reader, buffer, sizeof buffer), 0u);  // nobody has it open any more
  EXPECT_EQ(blobs_.count(), 0u);
}

}  // namespace
}  // namespace builder
