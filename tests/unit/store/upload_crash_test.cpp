// A process that is killed at any change of the disk while a blob comes in: what was acknowledged is there,
// and the upload goes on from what is durable.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstring>
#include <new>

#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/upload_stores.h"

namespace store {
namespace {

/// What the child was told, in memory that outlives it.
struct Acknowledged {
  std::array<char, 64> uuid{};
  std::atomic<std::uint64_t> durable{0};
  std::atomic<bool> complete{false};
};

const std::array<std::string, 3> kPieces = {std::string(5000, 'a'), std::string(70'000, 'b'), "end"};
const std::string kContent = kPieces[0] + kPieces[1] + kPieces[2];
const Digest kDigest = Digest::of(kContent);

int upload(const std::filesystem::path& folder, const RepositoryName& repository, Acknowledged& told) {
  UploadStores stores(folder);
  const std::string uuid = stores.uploads.begin(repository, base::DigestAlgorithm::sha256);
  std::memcpy(told.uuid.data(), uuid.c_str(), uuid.size());
  for (const std::string& piece : kPieces) {
    const auto upload = stores.uploads.open(repository, uuid);
    upload->append(piece);
    upload->sync();
    told.durable += piece.size();
  }
  if (!stores.uploads.open(repository, uuid)->commit(kDigest)) return 1;
  told.complete = true;
  return 0;
}

/// Goes on where the status says; false when the upload has to be started again.
bool resume(UploadStores& stores, const RepositoryName& repository, const Acknowledged& told) {
  const std::string uuid = told.uuid.data();
  const auto durable = stores.uploads.durableBytes(repository, uuid);
  if (!durable) return false;
  EXPECT_GE(*durable, told.durable);
  const auto upload = stores.uploads.open(repository, uuid);
  upload->append(std::string_view(kContent).substr(*durable));
  EXPECT_TRUE(upload->commit(kDigest));
  return true;
}

void push(UploadStores& stores, const RepositoryName& repository) {
  const auto upload =
      stores.uploads.open(repository, stores.uploads.begin(repository, base::DigestAlgorithm::sha256));
  upload->append(kContent);
  EXPECT_TRUE(upload->commit(kDigest));
}

TEST(UploadCrash, LosesNothingThatWasAcknowledged) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  void* memory =
      ::mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const auto repository = RepositoryName::parse("hello");
  int kills = 0;
  int resumed = 0;
  for (int step = 1;; step += testing_support::kStride) {
    ASSERT_LT(step, 400);
    SCOPED_TRACE("step " + std::to_string(step));
    const testing_support::TempFolder folder;
    { const UploadStores made(folder.path()); }
    auto* told = new (memory) Acknowledged;
    const auto result =
        testing_support::runAndKill(step, [&] { return upload(folder.path(), repository, *told); });
    UploadStores stores(folder.path());
    EXPECT_TRUE(result.killed || told->complete);
    const auto held = stores.releases.blobSize(repository, kDigest);
    EXPECT_TRUE(held || !told->complete) << "acknowledged and lost";
    if (!held && resume(stores, repository, *told)) {
      ++resumed;
    } else if (!held) {
      // Nothing was durable, or the file has its name already and only the row is missing.
      EXPECT_TRUE(told->durable == 0 || stores.blobs.size(kDigest) == kContent.size());
      push(stores, repository);
    }
    EXPECT_EQ(stores.releases.blobSize(repository, kDigest), kContent.size());
    EXPECT_EQ(stores.contentOf(kDigest, kContent.size()), kContent);
    EXPECT_TRUE(stores.rows.uploads().empty());
    EXPECT_TRUE(std::filesystem::is_empty(folder / "blobs/sessions"));
    if (!result.killed) break;
    ++kills;
  }
  EXPECT_GT(kills, 3);
  EXPECT_GT(resumed, 1);
  ::munmap(memory, sizeof(Acknowledged));
}

}  // namespace
}  // namespace store
