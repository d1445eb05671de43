#include "store/detail/commit_group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"

namespace store::detail {
namespace {

using base::Errc;
using base::Error;

class CommitGroupTest : public ::testing::Test {
 protected:
  CommitGroupTest() {
    base::openFile(file_, O_RDWR | O_CREAT);
    pool_.emplace(file_);
    const auto writer = pool_->borrowWriter();
    (*writer).runScript("CREATE TABLE numbers (n INTEGER PRIMARY KEY)");
    group_.emplace(*pool_);
  }

  static CommitGroup::Body inserting(std::int64_t n) {
    return [n](Connection& connection) { connection.execute("INSERT INTO numbers VALUES (?1)", n); };
  }

  std::set<std::int64_t> numbers() {
    const auto reader = pool_->borrowReader();
    std::set<std::int64_t> found;
    Rows rows = (*reader).query("SELECT n FROM numbers");
    while (rows.next())
      found.insert(rows.integer(0));
    return found;
  }

  /// Runs them all in one transaction, on a thread each; returns what each of them threw.
  std::vector<std::optional<Errc>> runTogether(const std::vector<CommitGroup::Body>& bodies) {
    std::vector<std::optional<Errc>> thrown(bodies.size());
    const auto run = [&](std::size_t i) {
      try {
        group_->run(bodies[i]);
      } catch (const Error& error) {
        thrown[i] = error.code();
      }
    };
    std::vector<std::jthread> threads;
    std::jthread first([&] {  // so that the others come while a transaction is under way
      group_->run([&](Connection&) {
        for (std::size_t i = 0; i < bodies.size(); ++i)
          threads.emplace_back([&run, i] { run(i); });
        while (group_->waiting() < bodies.size())
          std::this_thread::yield();
      });
    });
    first.join();
    for (auto& thread : threads)
      thread.join();
    return thrown;
  }

  const testing_support::TempFolder folder_;
  const std::filesystem::path file_ = folder_ / "numbers.db";
  std::optional<ConnectionPool> pool_;
  std::optional<CommitGroup> group_;
};

TEST_F(CommitGroupTest, WhatIsWrittenTogetherIsThere) {
  const auto thrown = runTogether({inserting(1), inserting(2), inserting(3)});
  EXPECT_EQ(thrown, std::vector<std::optional<Errc>>(3));
  EXPECT_EQ(numbers(), (std::set<std::int64_t>{1, 2, 3}));
}

TEST_F(CommitGroupTest, AFailureIsThatWritersAlone) {
  group_->run(inserting(1));
  const auto changesItsMind = [](Connection& connection) {
    connection.execute("INSERT INTO numbers VALUES (7)");
    throw Error(Errc::conflict, "no");
  };
  const auto thrown = runTogether({inserting(2), changesItsMind, inserting(1), inserting(3)});
  EXPECT_EQ(thrown, (std::vector<std::optional<Errc>>{{}, Errc::conflict, Errc::alreadyExists, {}}));
  EXPECT_EQ(numbers(), (std::set<std::int64_t>{1, 2, 3}));
}

TEST_F(CommitGroupTest, WhatOneUndoesForAllIsDoneAgainForTheOthers) {
  const auto undoes = [](Connection& connection) {  // as SQLite does when the disk is full
    connection.execute("ROLLBACK");
    throw Error(Errc::unavailable, "full");
  };
  const auto thrown = runTogether({inserting(1), undoes, inserting(2)});
  EXPECT_EQ(thrown, (std::vector<std::optional<Errc>>{{}, Errc::unavailable, {}}));
  EXPECT_EQ(numbers(), (std::set<std::int64_t>{1, 2}));
}

TEST_F(CommitGroupTest, OneAloneFailsAsItself) {
  EXPECT_THROW(group_->run([](Connection&) { throw Error(Errc::conflict, "no"); }), Error);
  group_->run(inserting(1));
  EXPECT_EQ(numbers(), (std::set<std::int64_t>{1}));
}

TEST_F(CommitGroupTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i)
        group_->run(inserting(t * kEach + i));
    });
  }
  threads.clear();
  EXPECT_EQ(numbers().size(), static_cast<std::size_t>(kThreads * kEach));
}

constexpr int kWriters = 4;
constexpr int kWrites = 3;

/// What the writers were told, in memory that outlives them.
using Acknowledged = std::array<std::atomic<bool>, static_cast<std::size_t>(kWriters) * kWrites>;

/// Each write is two rows: n and -n.
int writeInThreads(const std::filesystem::path& file, Acknowledged& told) {
  ConnectionPool pool(file);
  CommitGroup group(pool);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kWriters; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kWrites; ++i) {
        const int n = t * kWrites + i;
        group.run([n](Connection& connection) {
          connection.execute("INSERT INTO numbers VALUES (?1)", n + 1);
          connection.execute("INSERT INTO numbers VALUES (?1)", -n - 1);
        });
        told[static_cast<std::size_t>(n)] = true;
      }
    });
  }
  return 0;
}

TEST_F(CommitGroupTest, WhatWasAcknowledgedSurvivesAKillAtAnyChangeOfTheDisk) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  void* memory =
      ::mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  int kills = 0;
  for (int step = 1;; step += testing_support::kStride) {
    ASSERT_LT(step, 400);
    SCOPED_TRACE("step " + std::to_string(step));
    {
      const auto writer = pool_->borrowWriter();
      (*writer).execute("DELETE FROM numbers");
    }
    auto* told = new (memory) Acknowledged{};
    group_.reset();
    pool_.reset();
    const auto result = testing_support::runAndKill(step, [&] { return writeInThreads(file_, *told); });
    pool_.emplace(file_);
    const auto found = numbers();
    for (std::size_t i = 0; i < told->size(); ++i) {
      const auto n = static_cast<std::int64_t>(i) + 1;
      EXPECT_TRUE(found.contains(n) || !(*told)[i]) << n << " was acknowledged and lost";
      EXPECT_EQ(found.contains(n), found.contains(-n)) << n << " is there in part";
    }
    if (!result.killed) break;
    ++kills;
  }
  EXPECT_GT(kills, 1);
  ::munmap(memory, sizeof(Acknowledged));
}

}  // namespace
}  // namespace store::detail
