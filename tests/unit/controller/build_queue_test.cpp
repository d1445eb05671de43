#include "controller/build_queue.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace controller {
namespace {

/// Work that ends when the test says so.
class BuildQueueTest : public ::testing::Test {
 protected:
  std::shared_ptr<BuildRun> makeRun(store::AppId app, const std::string& commit) {
    store::Build build;
    build.id = ++ids_;
    build.app = app;
    build.number = ids_;
    build.commit = commit;
    build.ref = "refs/heads/main";
    store::App owner{.id = app,
                     .uuid = "",
                     .name = store::AppName::parse("app" + std::to_string(app)),
                     .stack = "",
                     .owner = "",
                     .deployBranch = "",
                     .createdAt = {}};
    return std::make_shared<BuildRun>(build, owner, gitd::PushRequest{},
                                      folder_.path() / (std::to_string(ids_) + ".log"), 1000);
  }

  void work(const std::shared_ptr<BuildRun>& run) {
    std::unique_lock lock(mutex_);
    started_.push_back(run->build().id);
    changed_.notify_all();
    changed_.wait(lock, run->stopToken(), [&] { return released_[run->build().id]; });
    run->finish({true, ""});
  }

  bool waitStarted(std::int64_t id) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      return std::find(started_.begin(), started_.end(), id) != started_.end();
    });
  }

  void let(std::int64_t id) {
    {
      const std::lock_guard lock(mutex_);
      released_[id] = true;
    }
    changed_.notify_all();
  }

  bool hasStarted(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    return std::find(started_.begin(), started_.end(), id) != started_.end();
  }

  std::unique_ptr<BuildQueue> makeQueue(BuildQueue::Config config) {
    return std::make_unique<BuildQueue>(
        config, [this](const auto& run) { work(run); },
        [this](const auto& run) {
          replaced_.push_back(run->build().id);
          run->finish({false, run->cancelReason()});
        });
  }

  testing_support::TempFolder folder_;
  std::int64_t ids_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::int64_t> started_;
  std::map<std::int64_t, bool> released_;
  std::vector<std::int64_t> replaced_;
};

TEST_F(BuildQueueTest, RunsOneBuildPerAppAndOthersBesideIt) {
  const auto queue = makeQueue({.workers = 2, .maxWaiting = 10});
  const auto first = makeRun(1, "aa"), second = makeRun(1, "bb"), other = makeRun(2, "cc");
  queue->add(first);
  ASSERT_TRUE(waitStarted(first->build().id));
  queue->add(second);
  queue->add(other);
  ASSERT_TRUE(waitStarted(other->build().id));
  EXPECT_FALSE(hasStarted(second->build().id));
  EXPECT_EQ(queue->ahead(*second), 2u);
  EXPECT_EQ(queue->ahead(*first), 0u);
  let(first->build().id);
  EXPECT_TRUE(waitStarted(second->build().id));
}

TEST_F(BuildQueueTest, NewerWaitingBuildReplacesTheOlderOne) {
  const auto queue = makeQueue({.workers = 1, .maxWaiting = 10});
  const auto running = makeRun(1, "aa"), older = makeRun(1, "bb"), newer = makeRun(1, "cc");
  queue->add(running);
  ASSERT_TRUE(waitStarted(running->build().id));
  queue->add(older);
  queue->add(newer);
  EXPECT_EQ(replaced_, std::vector<std::int64_t>{older->build().id});
  EXPECT_FALSE(older->outcome()->accepted);
  let(running->build().id);
  EXPECT_TRUE(waitStarted(newer->build().id));
}

TEST_F(BuildQueueTest, RefusesWhatDoesNotFitAndNamesTheSetting) {
  const auto queue = makeQueue({.workers = 1, .maxWaiting = 1});
  const auto running = makeRun(1, "aa");
  queue->add(running);
  ASSERT_TRUE(waitStarted(running->build().id));
  queue->add(makeRun(2, "bb"));
  try {
    queue->add(makeRun(3, "cc"));
    FAIL() << "a third build was taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::overloaded);
    EXPECT_NE(std::string(error.what()).find("build_queue_max"), std::string::npos);
  }
}

TEST_F(BuildQueueTest, FindsTheSameCommitUnlessItIsBeingCancelled) {
  const auto queue = makeQueue({.workers = 1, .maxWaiting = 10});
  const auto running = makeRun(1, "aa"), waiting = makeRun(1, "bb");
  queue->add(running);
  ASSERT_TRUE(waitStarted(running->build().id));
  queue->add(waiting);
  EXPECT_EQ(queue->find(1, "aa", "refs/heads/main"), running);
  EXPECT_EQ(queue->find(1, "bb", "refs/heads/main"), waiting);
  EXPECT_EQ(queue->find(2, "aa", "refs/heads/main"), nullptr);
  EXPECT_EQ(queue->find(1, "aa", "refs/heads/other"), nullptr);
  waiting->cancel("because");
  EXPECT_EQ(queue->find(1, "bb", "refs/heads/main"), nullptr);
}

TEST_F(BuildQueueTest, StopEndsWhatRunsAndWhatWaits) {
  const auto queue = makeQueue({.workers = 1, .maxWaiting = 10});
  const auto running = makeRun(1, "aa"), waiting = makeRun(1, "bb");
  queue->add(running);
  ASSERT_TRUE(waitStarted(running->build().id));
  queue->add(waiting);
  queue->stop("shutting down");
  EXPECT_TRUE(running->outcome());
  EXPECT_FALSE(waiting->outcome()->accepted);
  EXPECT_THROW(queue->add(makeRun(2, "cc")), base::Error);
}

TEST(BuildRun, CannotBeCancelledOnceItLaunches) {
  testing_support::TempFolder folder;
  store::App app{.id = 1,
                 .uuid = "",
                 .name = store::AppName::parse("a"),
                 .stack = "",
                 .owner = "",
                 .deployBranch = "",
                 .createdAt = {}};
  BuildRun launching(store::Build{}, app, gitd::PushRequest{}, folder.path() / "1.log", 100);
  EXPECT_TRUE(launching.beginLaunch());
  EXPECT_FALSE(launching.cancel("too late"));
  EXPECT_FALSE(launching.stopToken().stop_requested());
  BuildRun cancelled(store::Build{}, app, gitd::PushRequest{}, folder.path() / "2.log", 100);
  EXPECT_TRUE(cancelled.cancel("first"));
  EXPECT_TRUE(cancelled.cancel("second"));
  EXPECT_EQ(cancelled.cancelReason(), "first");
  EXPECT_FALSE(cancelled.beginLaunch());
}

}  // namespace
}  // namespace controller
