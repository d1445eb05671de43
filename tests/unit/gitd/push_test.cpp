#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <thread>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PushTest : public ServerTest {};

TEST_F(PushTest, StoresTheFirstPushAndTheNext) {
  start();
  const auto repository = makeRepository("hello");
  const auto work = makeWorkTree("work", "hello");
  const auto first = git(work, {"push", "fairlead", "main"});
  ASSERT_TRUE(first.status.ok()) << first.err;
  EXPECT_THAT(first.err, HasSubstr("remote: -----> built"));
  EXPECT_THAT(first.err, HasSubstr("[new branch]      main -> main"));
  commitFile(work, "second", "more\n");
  const auto second = git(work, {"push", "fairlead", "main"});
  ASSERT_TRUE(second.status.ok()) << second.err;
  const std::string head = git(work, {"rev-parse", "HEAD"}).out;
  EXPECT_EQ(readRef(repository, "refs/heads/main").value_or("") + "\n", head);
  EXPECT_TRUE(run({"git", "-C", repository, "fsck", "--strict"}).status.ok());
  EXPECT_TRUE(quarantineIsEmpty(repository));
  EXPECT_EQ(handler_.pushes, 2);
}

}  // namespace
}  // namespace gitd::testing
