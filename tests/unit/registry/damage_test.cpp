// Blobs that were damaged on the disk: no client takes wrong bytes for right ones, and a push heals.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/fd.h"
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

class Damage : public RegistryTest {
 protected:
  std::string pathOf(const Digest& digest) const { return "/v2/hello/blobs/" + digest.str(); }

  void flip(const Digest& digest, std::size_t at) const {
    const base::Fd fd = base::openFile(site_->blobs.path(digest), O_RDWR);
    char byte = 0;
    ASSERT_EQ(::pread(fd.get(), &byte, 1, static_cast<off_t>(at)), 1);
    byte = static_cast<char>(byte ^ 0x40);
    ASSERT_EQ(::pwrite(fd.get(), &byte, 1, static_cast<off_t>(at)), 1);
  }

  /// Gone for every reader, until it is pushed again.
  void expectHealedByAPush(const Digest& digest, const std::string& content) {
    EXPECT_EQ(site_->ask("HEAD", pathOf(digest)).status(), 404);
    EXPECT_EQ(outcomeOf(site_->ask("GET", pathOf(digest))), "404 BLOB_UNKNOWN");
    site_->push("hello", content);
    EXPECT_EQ(site_->ask("HEAD", pathOf(digest)).status(), 200);
    EXPECT_EQ(site_->ask("GET", pathOf(digest)).body, content);
  }

  const std::string small_ = std::string(5000, 's');
  const std::string large_ = std::string(3 << 20, 'l');
};

TEST_F(Damage, ASmallBlobIsRefusedBeforeTheAnswerBegins) {
  const Digest digest = site_->push("hello", small_);
  flip(digest, 17);
  const Answer answer = site_->ask("GET", pathOf(digest));
  EXPECT_EQ(outcomeOf(answer), "404 BLOB_UNKNOWN");
  EXPECT_EQ(answer.header("Docker-Content-Digest"), "(none)");
  expectHealedByAPush(digest, small_);
}

TEST_F(Damage, ALargeBlobBreaksOffBeforeItsEnd) {
  for (const std::string range : {"", "bytes=100-2000000"}) {
    const Digest digest = site_->push("hello", large_);
    flip(digest, large_.size() - 1);
    const Answer answer =
        site_->ask("GET", pathOf(digest), range.empty() ? Headers{} : Headers{{"Range", range}});
    EXPECT_EQ(answer.status(), range.empty() ? 200 : 206);
    EXPECT_LT(static_cast<std::int64_t>(answer.body.size()), answer.head.getContentLength64());
    expectHealedByAPush(digest, large_);
  }
}

TEST_F(Damage, ACutFileIsNotThere) {
  const Digest digest = site_->push("hello", small_);
  std::filesystem::resize_file(site_->blobs.path(digest), small_.size() - 1);
  EXPECT_EQ(site_->ask("HEAD", pathOf(digest)).status(), 404);
  EXPECT_EQ(outcomeOf(site_->ask("GET", pathOf(digest), {{"Range", "bytes=0-3"}})), "404 BLOB_UNKNOWN");
  expectHealedByAPush(digest, small_);
}

TEST_F(Damage, APushHealsWhatNobodyHasReadYet) {
  const Digest digest = site_->push("hello", small_);
  flip(digest, 17);
  site_->push("other", small_);
  EXPECT_EQ(site_->ask("GET", pathOf(digest)).body, small_);
}

/// A manifest with one layer, as clients make them.
std::string manifestOf(const Digest& layer, std::size_t size) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":)"
         R"("application/vnd.oci.empty.v1+json","digest":")" +
         layer.str() + R"(","size":)" + std::to_string(size) + R"(},"layers":[]})";
}

TEST_F(Damage, AManifestMustNotNameWhatWasLost) {
  const Digest digest = site_->push("hello", small_);
  const std::string manifest = manifestOf(digest, small_.size());
  const Headers type = {{"Content-Type", "application/vnd.oci.image.manifest.v1+json"}};
  flip(digest, 17);
  EXPECT_EQ(site_->ask("GET", pathOf(digest)).status(), 404);
  EXPECT_EQ(outcomeOf(site_->put("PUT", "/v2/hello/manifests/v7", manifest, type)),
            "404 MANIFEST_BLOB_UNKNOWN");
  site_->push("hello", small_);
  std::filesystem::resize_file(site_->blobs.path(digest), 3);
  EXPECT_EQ(outcomeOf(site_->put("PUT", "/v2/hello/manifests/v7", manifest, type)),
            "404 MANIFEST_BLOB_UNKNOWN");
  site_->push("hello", small_);
  EXPECT_EQ(site_->put("PUT", "/v2/hello/manifests/v7", manifest, type).status(), 201);
}

TEST_F(Damage, IsCounted) {
  site_->blobs.countIn(site_->metrics);
  const Digest digest = site_->push("hello", small_);
  flip(digest, 17);
  site_->ask("GET", pathOf(digest));
  EXPECT_THAT(site_->metrics.text(), ::testing::HasSubstr("fairlead_blobs_quarantined_total 1\n"));
}

// Readers that come and go while the file is damaged and healed, again and again.
TEST_F(Damage, NoneOfManyReadersGetsWrongBytesForWhole) {
  const Digest digest = site_->push("hello", large_);
  std::atomic<bool> stop = false;
  std::atomic<int> whole = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Answer answer = site_->ask("GET", pathOf(digest));
        if (answer.status() != 200) continue;
        if (static_cast<std::int64_t>(answer.body.size()) != answer.head.getContentLength64()) continue;
        EXPECT_TRUE(answer.body == large_);
        ++whole;
      }
    });
  }
  for (int round = 0; round < 9; ++round) {
    const int before = whole;
    while (whole < before + 2)
      std::this_thread::yield();
    if (round % 3 == 2) {
      std::filesystem::resize_file(site_->blobs.path(digest), 1000);
    } else {
      flip(digest, static_cast<std::size_t>(round) * 1000);
    }
    while (site_->ask("HEAD", pathOf(digest)).status() != 404)
      std::this_thread::yield();
    site_->push("hello", large_);
  }
  stop = true;
}

}  // namespace
}  // namespace registry
