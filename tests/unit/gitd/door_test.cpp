#include "gitd/detail/door.h"

#include <gmock/gmock.h>

namespace gitd::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class DoorTest : public ::testing::Test {
 protected:
  std::uint64_t arrive(Door& door, const std::string& source, bool spoke = true) {
    const std::uint64_t id = ++lastId_;
    Door::Visitor visitor;
    visitor.id = id;
    visitor.source = source;
    visitor.since = now_;
    visitor.spoke = spoke;
    if (auto goes = door.arrive(std::move(visitor), now_)) gone_.push_back(goes->id);
    return id;
  }
  std::uint64_t admit(Door& door) {
    const auto visitor = door.admit(now_);
    return visitor ? visitor->id : 0;
  }
  /// A source that has connected and gone without a login.
  void fail(Door& door, const std::string& source, int times) {
    for (int i = 0; i < times; ++i) {
      arrive(door, source);
      EXPECT_NE(admit(door), 0u);
      door.left(source, Door::Login::never, now_);
    }
  }

  Door::Clock::time_point now_ = Door::Clock::now();
  std::uint64_t lastId_ = 0;
  std::vector<std::uint64_t> gone_;
};

TEST_F(DoorTest, LetsInAtOnceWhileThereAreFewAndInOrder) {
  Door door({});
  const auto first = arrive(door, "a");
  const auto second = arrive(door, "a");
  EXPECT_EQ(admit(door), first);
  EXPECT_EQ(admit(door), second);
  EXPECT_EQ(admit(door), 0u);
}

TEST_F(DoorTest, HoldsBackOverEachLimitUntilSomebodyIsOut) {
  Door door({.maxConnections = 3, .maxUnauthenticated = 2, .maxUnauthenticatedPerSource = 2});
  for (int i = 0; i < 4; ++i)
    arrive(door, "a");
  EXPECT_EQ(admit(door), 1u);
  EXPECT_EQ(admit(door), 2u);
  EXPECT_EQ(admit(door), 0u);  // two are logging in
  EXPECT_TRUE(door.crowded());
  door.loggedIn("a");
  EXPECT_EQ(admit(door), 3u);
  door.loggedIn("a");
  EXPECT_EQ(admit(door), 0u);  // three are in
  door.left("a", Door::Login::done, now_);
  EXPECT_EQ(admit(door), 4u);
  EXPECT_FALSE(door.crowded());
}

TEST_F(DoorTest, OneSourceDoesNotTakeAnothersPlaces) {
  Door door({.maxUnauthenticatedPerSource = 2});
  for (int i = 0; i < 5; ++i)
    arrive(door, "a");
  EXPECT_NE(admit(door), 0u);
  EXPECT_NE(admit(door), 0u);
  EXPECT_EQ(admit(door), 0u);
  const auto other = arrive(door, "b");
  EXPECT_EQ(admit(door), other);
}

TEST_F(DoorTest, ASourceHasAsManyConnectionsAsItsLimit) {
  Door door({.maxPerSource = 1});
  arrive(door, "a");
  arrive(door, "a");
  EXPECT_EQ(admit(door), 1u);
  door.loggedIn("a");
  EXPECT_EQ(admit(door), 0u);
  door.left("a", Door::Login::done, now_);
  EXPECT_EQ(admit(door), 2u);
}

TEST_F(DoorTest, TheSilentLeaveHalfOfThePlacesToThoseWhoSpeak) {
  Door door({.maxUnauthenticated = 4, .maxUnauthenticatedPerSource = 4});
  for (int i = 0; i < 4; ++i)
    arrive(door, "a", false);
  EXPECT_EQ(admit(door), 1u);
  EXPECT_EQ(admit(door), 2u);
  EXPECT_EQ(admit(door), 0u);
  const auto speaker = arrive(door, "a");
  EXPECT_EQ(admit(door), speaker);
  door.spoke(4);
  EXPECT_EQ(admit(door), 4u);
}

TEST_F(DoorTest, SourcesThatNeverLogInGoLast) {
  Door door({.maxUnauthenticatedPerSource = 8});
  fail(door, "scanner", 5);
  std::vector<std::uint64_t> scanners;
  for (int i = 0; i < 4; ++i)
    scanners.push_back(arrive(door, "scanner"));
  const auto person = arrive(door, "person");
  EXPECT_EQ(admit(door), person);
  EXPECT_EQ(admit(door), scanners[0]);
  EXPECT_EQ(admit(door), scanners[1]);
  EXPECT_EQ(admit(door), 0u);  // a quarter of its places
  now_ += 61s;
  EXPECT_NE(admit(door), 0u);  // forgiven
}

TEST_F(DoorTest, ALoginForgivesFailures) {
  Door door({});
  fail(door, "a", 4);
  arrive(door, "a");
  admit(door);
  door.loggedIn("a");
  door.left("a", Door::Login::done, now_);
  fail(door, "a", 4);
  const auto first = arrive(door, "a");
  arrive(door, "b");
  EXPECT_EQ(admit(door), first);
}

TEST_F(DoorTest, TakesTheNewestNowAndThenWhileThereIsALongQueue) {
  Door door({.maxUnauthenticated = 1});
  for (int i = 0; i < 6; ++i)
    arrive(door, "a");
  now_ += 2s;
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 4; ++i) {
    order.push_back(admit(door));
    door.left("a", Door::Login::never, now_);
  }
  EXPECT_THAT(order, ElementsAre(6u, 1u, 5u, 2u));
}

TEST_F(DoorTest, SomebodySilentGivesWayInAFullQueue) {
  Door door({.maxUnauthenticated = 0, .maxWaiting = 2});
  const auto silent = arrive(door, "a", false);
  arrive(door, "a");
  EXPECT_FALSE(door.full(now_));
  arrive(door, "b");
  EXPECT_THAT(gone_, ElementsAre(silent));
  EXPECT_TRUE(door.full(now_));  // nobody here can be told to go
}

TEST_F(DoorTest, SaysWhichLimitSomebodyWaitedForInVain) {
  Door door({.maxPerSource = 1, .maxWait = 10s});
  arrive(door, "a");
  arrive(door, "a");
  admit(door);
  EXPECT_TRUE(door.overdue(now_ + 9s).empty());
  const auto late = door.overdue(now_ + 10s);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].first.id, 2u);
  EXPECT_THAT(late[0].second, HasSubstr("raise ssh_max_per_source"));
  EXPECT_EQ(door.waiting(), 0u);
}

TEST_F(DoorTest, ForgetsThoseWhoHangUp) {
  Door door({.maxUnauthenticated = 0});
  const auto id = arrive(door, "a");
  EXPECT_TRUE(door.remove(id));
  EXPECT_FALSE(door.remove(id));
  EXPECT_EQ(door.waiting(), 0u);
}

}  // namespace
}  // namespace gitd::detail
