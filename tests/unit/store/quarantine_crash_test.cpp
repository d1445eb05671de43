// A process that is killed at any change of the disk while it finds a damaged blob and stores it again:
// nobody is ever given wrong bytes, and what was stored again is there.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <new>

#include "base/error.h"
#include "store/registry_store.h"
#include "store/scrubber.h"
#include "tests/support/fake_clock.h"
#include "tests/support/killer.h"
#include "tests/support/temp_folder.h"

namespace store {
namespace {

const std::string kContent(70'000, 'c');
const Digest kDigest = Digest::of(kContent);

struct Stores {
  explicit Stores(const std::filesystem::path& folder)
      : releases(folder / "fairlead.db", clock), blobs(folder / "blobs") {}
  test::FakeClock clock;
  ReleaseStore releases;
  RegistryStore rows{releases};
  DiskBlobStore blobs;
};

/// The content, or nothing when it is not there.
std::string contentOf(const Stores& stores) {
  std::string bytes(kContent.size() + 1, '\0');
  std::size_t size = 0;
  try {
    const auto source = stores.blobs.open(kDigest);
    while (const std::size_t count = source->read(bytes.data() + size, bytes.size() - size))
      size += count;
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::notFound);
    return "";
  }
  return bytes.substr(0, size);
}

class QuarantineCrash : public ::testing::TestWithParam<bool> {};

TEST_P(QuarantineCrash, GivesNobodyWrongBytes) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  void* memory =
      ::mmap(nullptr, sizeof(std::atomic<bool>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const auto hello = RepositoryName::parse("hello");
  int kills = 0;
  for (int step = 1;; step += testing_support::kStride) {
    ASSERT_LT(step, 200);
    SCOPED_TRACE("step " + std::to_string(step));
    const testing_support::TempFolder folder;
    {
      Stores made(folder.path());
      putBlob(made.blobs, kContent);
      made.rows.addBlob(hello, {"", kDigest, kContent.size()});
      const base::Fd fd = base::openFile(made.blobs.path(kDigest), O_WRONLY);
      ASSERT_EQ(::pwrite(fd.get(), "!", 1, 50), 1);
    }
    auto* stored = new (memory) std::atomic<bool>(false);
    const auto result = testing_support::runAndKill(step, [&] {
      Stores stores(folder.path());
      if (GetParam()) {
        Scrubber(stores.releases, stores.blobs).scrub({.bytesPerS = 1u << 30, .progress = {}}, {});
      } else if (!contentOf(stores).empty()) {
        return 1;
      }
      putBlob(stores.blobs, kContent);
      *stored = true;
      return 0;
    });
    EXPECT_TRUE(result.killed || result.exitStatus == 0);
    Stores stores(folder.path());
    const std::string now = contentOf(stores);
    EXPECT_TRUE(now == kContent || (now.empty() && !*stored));
    putBlob(stores.blobs, kContent);
    EXPECT_EQ(contentOf(stores), kContent);
    EXPECT_EQ(stores.releases.blobSize(hello, kDigest), kContent.size());
    if (!result.killed) break;
    ++kills;
  }
  EXPECT_GT(kills, 2);
  ::munmap(memory, sizeof(std::atomic<bool>));
}

INSTANTIATE_TEST_SUITE_P(Finders, QuarantineCrash, ::testing::Values(false, true));

}  // namespace
}  // namespace store
