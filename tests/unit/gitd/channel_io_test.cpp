#include "gitd/detail/channel_io.h"

#include <gtest/gtest.h>

#include <future>

#include "base/error.h"

namespace gitd::detail {
namespace {

using namespace std::chrono_literals;

class ChannelIoTest : public ::testing::Test {
 protected:
  std::string takeAll(ChannelIo::Clock::time_point now) {
    std::string all;
    while (auto output = io_.take(now))
      all += output->bytes;
    return all;
  }
  base::Fd wake_ = base::makeEventFd();
  ChannelIo io_{wake_};
  ChannelIo::Clock::time_point now_ = ChannelIo::Clock::now();
};

TEST_F(ChannelIoTest, HandsInputToTheWorkerAndThenItsEnd) {
  EXPECT_TRUE(io_.offer("hello"));
  io_.endInput();
  char buffer[3];
  EXPECT_EQ(io_.read(buffer, 3), 3u);
  EXPECT_EQ(io_.read(buffer, 3), 2u);
  EXPECT_EQ(io_.read(buffer, 3), 0u);
}

TEST_F(ChannelIoTest, TakesNoMoreInputThanItsLimit) {
  EXPECT_TRUE(io_.offer(std::string(ChannelIo::kInputLimit, 'x')));
  EXPECT_FALSE(io_.offer("y"));
  EXPECT_FALSE(io_.wantsInput());
  std::string buffer(ChannelIo::kInputLimit, '\0');
  io_.read(buffer.data(), buffer.size());
  EXPECT_TRUE(io_.wantsInput());
  EXPECT_TRUE(io_.offer("y"));
}

TEST_F(ChannelIoTest, FramesWholeLinesAtOnceAndTheRestAfterAMoment) {
  io_.useSideBand();
  io_.writeProgress("one\ntwo\npart");
  EXPECT_EQ(takeAll(now_), "000d\2one\ntwo\n");
  EXPECT_EQ(io_.due(), now_ + ChannelIo::kPartialLineDelay);
  EXPECT_EQ(takeAll(now_ + 50ms), "");
  EXPECT_EQ(takeAll(now_ + 100ms), "0009\2part");
}

TEST_F(ChannelIoTest, SendsAnUnfinishedLineWhenSomethingFollows) {
  io_.useSideBand();
  io_.writeProgress("part");
  io_.write(ChannelIo::Stream::out, "0000");
  EXPECT_EQ(takeAll(now_), "0009\2part0000");
}

TEST_F(ChannelIoTest, CutsLongProgressIntoPackets) {
  io_.useSideBand();
  io_.writeProgress(std::string(70'000, 'x'));
  const auto first = io_.take(now_);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bytes.size(), 65520u);
  EXPECT_EQ(first->bytes.substr(0, 5), "fff0\2");
}

TEST_F(ChannelIoTest, FillsSilence) {
  EXPECT_FALSE(io_.due());
  io_.useSideBand();
  const auto later = *io_.due();
  EXPECT_EQ(takeAll(later - 1ms), "");
  EXPECT_EQ(takeAll(later), "0005\1");
  EXPECT_EQ(takeAll(later), "");
  // A client whose input has ended is asked more often: it may have died.
  io_.endInput();
  EXPECT_EQ(takeAll(later + ChannelIo::kProbeDelay), "0005\1");
}

TEST_F(ChannelIoTest, WritersWaitForRoom) {
  auto writer = std::async(std::launch::async, [&] {
    for (int i = 0; i < 20; ++i)
      io_.write(ChannelIo::Stream::out, std::string(64u << 10, 'x'));
  });
  EXPECT_EQ(writer.wait_for(50ms), std::future_status::timeout);
  std::size_t taken = 0;
  while (taken < 20 * (64u << 10)) {
    if (const auto output = io_.take(now_)) taken += output->bytes.size();
  }
  writer.get();
}

TEST_F(ChannelIoTest, LossOfTheClientFreesEverybody) {
  io_.useSideBand();
  auto reader = std::async(std::launch::async, [&] {
    char byte;
    try {
      io_.read(&byte, 1);
    } catch (const base::Error& error) {
      return error.code() == base::Errc::cancelled;
    }
    return false;
  });
  auto writer = std::async(std::launch::async, [&] {
    for (int i = 0; i < 100; ++i)
      io_.writeProgress(std::string(64u << 10, 'x'));
  });
  EXPECT_EQ(writer.wait_for(50ms), std::future_status::timeout);
  io_.abandon(ChannelIo::Gone::lost);
  EXPECT_TRUE(reader.get());
  writer.get();  // what is for the screen is dropped
  EXPECT_THROW(io_.write(ChannelIo::Stream::out, "x"), base::Error);
  // Silence stops what has no result, but not a push.
  EXPECT_TRUE(io_.clientGone().stop_requested());
  EXPECT_FALSE(io_.clientClosed().stop_requested());
  io_.abandon(ChannelIo::Gone::closed);
  EXPECT_TRUE(io_.clientClosed().stop_requested());
}

TEST_F(ChannelIoTest, IsFinishedOnceAllWasTaken) {
  io_.write(ChannelIo::Stream::out, "bye");
  io_.finish(3);
  EXPECT_TRUE(io_.workerDone());
  EXPECT_FALSE(io_.finished());
  EXPECT_EQ(takeAll(now_), "bye");
  EXPECT_EQ(io_.finished(), 3);
}

TEST_F(ChannelIoTest, DiscardsUntilTheClientEndsItsInput) {
  auto discard =
      std::async(std::launch::async, [&] { io_.discardInput(1u << 30, ChannelIo::Clock::now() + 10s); });
  for (int i = 0; i < 50; ++i)
    io_.offer(std::string(1000, 'x'));
  EXPECT_EQ(discard.wait_for(20ms), std::future_status::timeout);
  io_.endInput();
  discard.get();
}

}  // namespace
}  // namespace gitd::detail
