#include "store/detail/sqlite.h"

#include <fcntl.h>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "tests/support/temp_folder.h"

namespace store::detail {
namespace {

class ConnectionPoolTest : public ::testing::Test {
 protected:
  ConnectionPoolTest() {
    base::openFile(file_, O_RDWR | O_CREAT);
    pool_.emplace(file_);
    const auto writer = pool_->borrowWriter();
    (*writer).runScript("CREATE TABLE numbers (n INTEGER); INSERT INTO numbers VALUES (0);");
  }

  void write(std::int64_t n) {
    const auto writer = pool_->borrowWriter();
    Transaction transaction(*writer, Transaction::Kind::noting);
    (*writer).execute("UPDATE numbers SET n = ?1", n);
    transaction.commit();
  }

  static std::int64_t numberOf(const ConnectionPool::Reader& reader) {
    Rows rows = (*reader).query("SELECT n FROM numbers");
    rows.next();
    return rows.integer(0);
  }

  std::int64_t read() {
    auto reader = pool_->borrowReader();
    const std::int64_t n = numberOf(reader);
    reader.succeeded();
    return n;
  }

  const testing_support::TempFolder folder_;
  const std::filesystem::path file_ = folder_ / "numbers.db";
  std::optional<ConnectionPool> pool_;
};

TEST_F(ConnectionPoolTest, ReadersSeeWhatWasCommittedBefore) {
  for (int n = 1; n < 20; ++n) {
    EXPECT_EQ(read(), n - 1);
    write(n);
    EXPECT_EQ(read(), n);
  }
}

TEST_F(ConnectionPoolTest, AReaderSeesOneStateHoweverLongItTakes) {
  auto early = pool_->borrowReader();
  EXPECT_EQ(numberOf(early), 0);
  write(1);
  EXPECT_EQ(numberOf(early), 0);
  EXPECT_EQ(read(), 1);
}

TEST_F(ConnectionPoolTest, AReaderThatWasSlowerThanAWriterDoesNotLeaveItsStateBehind) {
  {
    auto slow = pool_->borrowReader();
    EXPECT_EQ(numberOf(slow), 0);
    write(1);
    slow.succeeded();
  }
  EXPECT_EQ(read(), 1);
}

TEST_F(ConnectionPoolTest, AWriterThatRollsBackChangesNothingForReaders) {
  EXPECT_EQ(read(), 0);
  {
    const auto writer = pool_->borrowWriter();
    const Transaction transaction(*writer, Transaction::Kind::writing);
    (*writer).execute("UPDATE numbers SET n = 7");
  }
  EXPECT_EQ(read(), 0);
}

TEST_F(ConnectionPoolTest, ReadersOfManyThreadsNeverLookBack) {
  std::atomic<std::int64_t> committed = 0;
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const std::int64_t least = committed;
          if (read() < least) ++wrong;
        }
      });
    }
    for (int n = 1; n <= 2000; ++n) {
      write(n);
      committed = n;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(ConnectionPoolTest, IdleReadersDoNotKeepTheLogFromBeingUsedAgain) {
  read();
  for (int n = 1; n <= 5000; ++n)
    write(n);
  constexpr std::uintmax_t kThousandPages = 1000 * 4200;
  EXPECT_LT(std::filesystem::file_size(file_.string() + "-wal"), 2 * kThousandPages);
  EXPECT_EQ(read(), 5000);
}

}  // namespace
}  // namespace store::detail
