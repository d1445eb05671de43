// The runtime that a supervisor serves, without one: what all other tests do through a socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/fd.h"
#include "sandbox/detail/process_ref.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

using sandbox::ContainerSpec;
using sandbox::ExecSpec;
using std::chrono::seconds;

class InProcessTest : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    if (!IsSkipped()) local_ = localRuntime();
  }
  std::unique_ptr<sandbox::LocalRuntime> local_;
};

TEST_F(InProcessTest, RunsToTheEnd) {
  std::ofstream(folder_->path() / "file") << "content\n";
  ContainerSpec spec = shell("cat /mnt/file; exit 7");
  spec.mounts = {{folder_->path() / "file", "/mnt/file", true}};
  StringSink sink;
  const auto result = local_->run(spec, sink, {});
  EXPECT_EQ(result.status.code, 7);
  EXPECT_EQ(sink.text, "content\n");
}

TEST_F(InProcessTest, StartsAndRunsCommandsInWhatRuns) {
  const ContainerSpec spec = shell("echo started; sleep 1000");
  const auto started = local_->start(spec, folder_->path() / "log");
  const auto handles = local_->handles(spec.id);
  ASSERT_TRUE(handles);
  EXPECT_FALSE(sandbox::waitForEnd(handles->init, 0));
  EXPECT_FALSE(sandbox::waitForEnd(handles->monitor, 0));
  StringSink sink;
  EXPECT_EQ(local_->exec(spec.id, {.argv = {"/bin/echo", "here"}, .environment = {}}, sink, {}).status.code,
            0);
  EXPECT_EQ(sink.text, "here\n");
  const auto status = local_->status(spec.id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->container.pid, started.pid);
  EXPECT_GT(local_->usage(spec.id).pids, 0);
  local_->signal(spec.id, SIGKILL);
  EXPECT_TRUE(local_->waitForExit(spec.id, seconds(20)));
  EXPECT_FALSE(local_->handles(spec.id));
  local_->remove(spec.id);
  EXPECT_FALSE(local_->status(spec.id));
}

TEST_F(InProcessTest, WhatOneMakesTheOtherSees) {
  const ContainerSpec spec = shell("sleep 1000");
  local_->start(spec, folder_->path() / "log");
  const auto status = runtime_->status(spec.id);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->running);
  local_->remove(spec.id);
  EXPECT_FALSE(runtime_->status(spec.id));
}

}  // namespace
}  // namespace sandbox_test
