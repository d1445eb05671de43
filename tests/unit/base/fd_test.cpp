#include "base/fd.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

using testing::HasSubstr;
using testing_support::TempFolder;

bool isOpen(int raw) {
  return ::fcntl(raw, F_GETFD) >= 0;
}
bool isReadable(const Fd& fd) {
  pollfd entry{fd.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

TEST(Fd, ClosesWhenItsLifeEnds) {
  int raw = -1;
  {
    const Fd fd = openFile("/dev/null", O_RDONLY);
    raw = fd.get();
    EXPECT_TRUE(isOpen(raw));
  }
  EXPECT_FALSE(isOpen(raw));
}

TEST(Fd, MovesOwnership) {
  Fd first = openFile("/dev/null", O_RDONLY);
  const int raw = first.get();
  Fd second = std::move(first);
  EXPECT_EQ(second.get(), raw);
  second = openFile("/dev/zero", O_RDONLY);
  EXPECT_TRUE(second.valid());
  const int released = second.release();
  EXPECT_FALSE(second.valid());
  EXPECT_TRUE(isOpen(released));
  const Fd again(released);
}

TEST(OpenFile, SetsCloseOnExec) {
  const Fd fd = openFile("/dev/null", O_RDONLY);
  EXPECT_TRUE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC);
  const auto [readEnd, writeEnd] = makePipe();
  EXPECT_TRUE(::fcntl(readEnd.get(), F_GETFD) & FD_CLOEXEC);
}

TEST(OpenFile, NamesOnlyTheLastPartOfThePath) {
  try {
    openFile("/nonexistent/secret/file.txt", O_RDONLY);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::notFound);
    EXPECT_THAT(error.what(), HasSubstr("file.txt"));
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("secret")));
  }
}

TEST(OpenAt, OpensBelowAFolder) {
  const TempFolder folder;
  folder.write("a.txt", "hello");
  const Fd directory = openFile(folder.path(), O_RDONLY | O_DIRECTORY);
  char buffer[16];
  EXPECT_EQ(readSome(openAt(directory, "a.txt", O_RDONLY), buffer, sizeof buffer), 5u);
  EXPECT_THROW(openAt(directory, "b.txt", O_RDONLY), Error);
}

TEST(ReadFile, ReadsAllUpToTheLimit) {
  const TempFolder folder;
  const std::string text(200'000, 'x');
  const auto file = folder.write("big", text);
  EXPECT_EQ(readFile(file), text);
  EXPECT_EQ(readFile(file, text.size()), text);
  try {
    readFile(file, text.size() - 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalidArgument);
  }
  EXPECT_EQ(readFile(folder.write("empty", "")), "");
}

TEST(WriteAll, WritesToAPipeThatIsRead) {
  auto [readEnd, writeEnd] = makePipe();
  writeAll(writeEnd, "hello");
  writeEnd.reset();
  char buffer[16];
  EXPECT_EQ(readSome(readEnd, buffer, sizeof buffer), 5u);
  EXPECT_EQ(readSome(readEnd, buffer, sizeof buffer), 0u);
}

TEST(ReadSome, SaysUnavailableOnAnEmptyNonBlockingFd) {
  auto [readEnd, writeEnd] = makePipe();
  ::fcntl(readEnd.get(), F_SETFL, O_NONBLOCK);
  char byte;
  try {
    readSome(readEnd, &byte, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
  }
}

TEST(EventFd, IsReadableFromSignalToDrain) {
  const Fd event = makeEventFd();
  EXPECT_FALSE(isReadable(event));
  signalEvent(event);
  signalEvent(event);
  EXPECT_TRUE(isReadable(event));
  drainEvent(event);
  EXPECT_FALSE(isReadable(event));
  drainEvent(event);  // does not block
}

}  // namespace
}  // namespace base
