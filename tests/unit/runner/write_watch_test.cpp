#include "runner/detail/write_watch.h"

#include <gmock/gmock.h>

#include <fstream>
#include <future>

#include "tests/support/temp_folder.h"

namespace runner::detail {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::chrono::hours kEver{1};
constexpr milliseconds kNow{0};

class WriteWatchTest : public testing::Test {
 protected:
  WriteWatchTest() {
    for (const char* folder : {"apps/one/stream", "apps/two", "router"})
      std::filesystem::create_directories(folder_ / folder);
  }
  void write(const char* file) const { std::ofstream(folder_ / file, std::ios::app) << "line\n"; }

  testing_support::TempFolder folder_;
  WriteWatch watch_{(std::filesystem::create_directories(folder_ / "apps"), folder_ / "apps"),
                    (std::filesystem::create_directories(folder_ / "router"), folder_ / "router")};
};

TEST_F(WriteWatchTest, TellsTheFolderOfALog) {
  watch_.wait(kEver);  // the folders that this made
  EXPECT_TRUE(watch_.isComplete());
  EXPECT_TRUE(watch_.wait(kNow).nothing());
  write("apps/two/web.1~c1.log");
  const auto written = watch_.wait(kEver);
  EXPECT_THAT(written.folders, ElementsAre("two"));
  EXPECT_FALSE(written.anywhere);
  EXPECT_FALSE(written.elsewhere);
  EXPECT_TRUE(watch_.wait(kNow).nothing());
  write("router/access.log");
  const auto requests = watch_.wait(kEver);
  EXPECT_TRUE(requests.elsewhere);
  EXPECT_THAT(requests.folders, IsEmpty());
}

TEST_F(WriteWatchTest, PassesOverWhatIsNoLog) {
  watch_.wait(kEver);
  write("apps/one/stream/0001.zst");
  write("apps/one/stream/x.log");
  write("router/access.place");
  EXPECT_TRUE(watch_.wait(kNow).nothing());
}

TEST_F(WriteWatchTest, FollowsFoldersThatComeAndAreRenamed) {
  watch_.wait(kEver);
  std::filesystem::create_directories(folder_ / "apps/three");
  EXPECT_TRUE(watch_.wait(kEver).anywhere);
  write("apps/three/web.1~c1.log");
  EXPECT_THAT(watch_.wait(kEver).folders, ElementsAre("three"));
  std::filesystem::rename(folder_ / "apps/three", folder_ / "apps/four");
  EXPECT_TRUE(watch_.wait(kEver).anywhere);
  write("apps/four/web.1~c1.log");
  EXPECT_THAT(watch_.wait(kEver).folders, ElementsAre("four"));
}

TEST_F(WriteWatchTest, ARootThatIsNotThereYetIsFoundLater) {
  WriteWatch watch(folder_ / "later", {});
  EXPECT_FALSE(watch.isComplete());
  std::filesystem::create_directories(folder_ / "later/one");
  watch.wait(kNow);
  EXPECT_TRUE(watch.isComplete());
  write("later/one/web.1~c1.log");
  EXPECT_THAT(watch.wait(kEver).folders, ElementsAre("one"));
}

TEST_F(WriteWatchTest, WakingEndsEveryWait) {
  watch_.wait(kEver);
  auto waiting = std::async(std::launch::async, [&] { return watch_.wait(kEver).nothing(); });
  watch_.wake();
  EXPECT_TRUE(waiting.get());
  watch_.pause(kEver);
}

}  // namespace
}  // namespace runner::detail
