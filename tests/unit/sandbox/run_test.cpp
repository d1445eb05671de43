#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

using sandbox::RunResult;
using ::testing::HasSubstr;

class RunTest : public RuntimeTest {};

TEST_F(RunTest, GivesOutputAndExitCode) {
  const RunResult result = run(shell("echo to stdout; echo to stderr >&2; exit 7"));
  EXPECT_EQ(result.end, RunResult::End::exited);
  EXPECT_EQ(result.status.code, 7);
  EXPECT_EQ(result.status.signal, 0);
  EXPECT_FALSE(result.outOfMemory);
  EXPECT_EQ(output_, "to stdout\nto stderr\n");
}

}  // namespace
}  // namespace sandbox_test
