// A disk that fails at any of the changes that an upload makes: the client is told, nothing is promised that
// may be lost, and the same server takes the upload to its end when it is tried again.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <new>

#include "base/error.h"
#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/upload_stores.h"

namespace store {
namespace {

/// What the child saw, in memory that outlives it.
struct Seen {
  std::uint64_t acknowledged = 0;  ///< bytes, before the failure
  std::uint64_t durableAfter = 0;  ///< what the status said after it
  base::Errc error = base::Errc::internal;
  bool ended = false;  ///< there was no such upload any more
  bool failed = false;
};

constexpr std::size_t kPieceBytes = 40'000;
const std::string kContent = std::string(kPieceBytes, 'a') + std::string(kPieceBytes, 'b') + "end";
const Digest kDigest = Digest::of(kContent);

enum class Exit { done = 0, notResumed, otherContent, failedAgain };

class Pusher {
 public:
  Pusher(const std::filesystem::path& folder, Seen& seen) : stores_(folder), seen_(seen) {}

  /// As clients do: what fails is tried again from what the status says.
  Exit push() {
    uuid_ = begin();
    try {
      finish();
    } catch (const base::Error& error) {
      seen_.failed = true;
      seen_.error = error.code();
      seen_.ended = !durable();
      seen_.durableAfter = durable().value_or(0);
      try {
        if (!durable()) uuid_ = begin();
        finish();
      } catch (const base::Error&) {
        return Exit::failedAgain;
      }
    }
    return stores_.contentOf(kDigest, kContent.size()) == kContent ? Exit::done : Exit::otherContent;
  }

 private:
  std::string begin() { return stores_.uploads.begin(repository_, base::DigestAlgorithm::sha256); }
  std::optional<std::uint64_t> durable() { return stores_.uploads.durableBytes(repository_, uuid_); }

  void finish() {
    for (auto at = durable(); at && *at < kContent.size(); at = durable()) {
      const auto upload = stores_.uploads.open(repository_, uuid_);
      upload->append(std::string_view(kContent).substr(*at, kPieceBytes));
      upload->sync();
      if (!seen_.failed) seen_.acknowledged = upload->sizeBytes();
    }
    const auto upload = stores_.uploads.open(repository_, uuid_);
    if (!upload || !upload->commit(kDigest)) throw base::Error(base::Errc::conflict, "nothing to commit");
  }

  UploadStores stores_;
  Seen& seen_;
  const RepositoryName repository_ = RepositoryName::parse("hello");
  std::string uuid_;
};

#ifdef __SANITIZE_ADDRESS__
constexpr int kStride = 2;  // a fork is slow with the sanitizers' memory
#else
constexpr int kStride = 1;
#endif

class UploadFailure : public ::testing::TestWithParam<int> {};

TEST_P(UploadFailure, IsToldAndCostsNothingElse) {
  if (!testing_support::canFail()) GTEST_SKIP() << "ptrace is not allowed here";
  void* memory = ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  int told = 0;
  int syncs = 0;
  for (int step = 1;; step += kStride) {
    ASSERT_LT(step, 400);
    const testing_support::TempFolder folder;
    { const UploadStores made(folder.path()); }
    auto* seen = new (memory) Seen;
    const auto result = testing_support::runAndFail(step, GetParam(), [&] {
      try {
        return static_cast<int>(Pusher(folder.path(), *seen).push());
      } catch (const std::exception&) {
        return 50;  // while the stores were opened: it says so and ends
      }
    });
    if (result.call.empty()) break;
    SCOPED_TRACE("step " + std::to_string(step) + ": " + result.call);
    if (result.exitStatus != 50) {
      EXPECT_EQ(result.exitStatus, static_cast<int>(Exit::done));
    }
    if (seen->failed) {
      ++told;
      // SQLite has no other word for a sync that fails than "disk I/O error".
      const bool databaseSync =
          result.call.starts_with("fsync") && result.call.find(".db") != std::string::npos;
      const auto expected = GetParam() == ENOSPC && !databaseSync ? base::Errc::diskFull : base::Errc::io;
      EXPECT_EQ(base::name(seen->error), base::name(expected));
      EXPECT_TRUE(seen->ended || seen->durableAfter >= seen->acknowledged) << "acknowledged and lost";
      if (result.call.starts_with("fsync") && result.call.find("sessions/") != std::string::npos &&
          !seen->ended) {
        ++syncs;
        EXPECT_EQ(seen->durableAfter, seen->acknowledged) << "bytes that were never durable count as such";
      }
    }
    UploadStores stores(folder.path());  // nothing keeps a server from starting on what is left
    if (result.exitStatus != 50) {
      EXPECT_EQ(stores.releases.blobSize(RepositoryName::parse("hello"), kDigest), kContent.size());
    }
  }
  EXPECT_GT(told, 3);
  EXPECT_GT(syncs, 0);
  ::munmap(memory, sizeof(Seen));
}

INSTANTIATE_TEST_SUITE_P(Errors, UploadFailure, ::testing::Values(ENOSPC, EIO));

}  // namespace
}  // namespace store
