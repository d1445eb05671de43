// The contract of BlobStore, on every implementation, and what holds on disk only.
#include "store/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_folder.h"

namespace store {
namespace {

namespace fs = std::filesystem;
using testing_support::MemoryBlobStore;
using testing_support::TempFolder;

std::string readAll(base::ByteSource& source) {
  std::string all;
  char buffer[4096];
  while (const std::size_t count = source.read(buffer, sizeof buffer))
    all.append(buffer, count);
  return all;
}

std::string bytesOf(std::size_t count, unsigned seed) {
  std::string bytes(count, '\0');
  for (char& c : bytes)
    c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return bytes;
}

template <typename Body>
base::Errc codeOf(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::Errc::internal;
}

struct DiskFixture {
  TempFolder folder;
  DiskBlobStore store{folder / "blobs"};
};
struct MemoryFixture {
  MemoryBlobStore store;
};

template <typename Fixture>
class BlobStoreContract : public ::testing::Test {
 protected:
  BlobStore& blobs() { return fixture_.store; }
  Fixture fixture_;
};
using Implementations = ::testing::Types<DiskFixture, MemoryFixture>;
TYPED_TEST_SUITE(BlobStoreContract, Implementations);

TYPED_TEST(BlobStoreContract, GivesBackWhatWasPut) {
  BlobStore& blobs = this->blobs();
  const auto put = putBlob(blobs, "hello");
  EXPECT_EQ(put.digest, Digest::of("hello"));
  EXPECT_EQ(put.sizeBytes, 5u);
  EXPECT_EQ(blobs.size(put.digest), 5u);
  EXPECT_EQ(readAll(*blobs.open(put.digest)), "hello");
}

TYPED_TEST(BlobStoreContract, TakesAnEmptyBlob) {
  BlobStore& blobs = this->blobs();
  const auto put = putBlob(blobs, "");
  EXPECT_EQ(blobs.size(put.digest), 0u);
  EXPECT_EQ(readAll(*blobs.open(put.digest)), "");
}

TYPED_TEST(BlobStoreContract, JoinsWritesOfAnySize) {
  BlobStore& blobs = this->blobs();
  const std::string content = bytesOf((3u << 20) + 17, 1);
  for (const std::size_t step :
       {std::size_t{1000}, std::size_t{1} << 20, (std::size_t{1} << 20) + 1, content.size()}) {
    const auto writer = blobs.create();
    for (std::size_t at = 0; at < content.size(); at += step)
      writer->write(std::string_view(content).substr(at, step));
    EXPECT_EQ(writer->sizeBytes(), content.size());
    EXPECT_EQ(writer->commit().digest, Digest::of(content)) << step;
  }
  EXPECT_EQ(readAll(*blobs.open(Digest::of(content))), content);
}

TYPED_TEST(BlobStoreContract, RefusesOtherContentThanExpected) {
  BlobStore& blobs = this->blobs();
  const auto writer = blobs.create();
  writer->write("hello");
  EXPECT_EQ(codeOf([&] { writer->commit(Digest::of("other")); }), base::Errc::invalidArgument);
  EXPECT_EQ(blobs.size(Digest::of("hello")), std::nullopt);
  EXPECT_EQ(blobs.size(Digest::of("other")), std::nullopt);
}

TYPED_TEST(BlobStoreContract, AcceptsTheExpectedContent) {
  const auto writer = this->blobs().create();
  writer->write("hello");
  EXPECT_EQ(writer->commit(Digest::of("hello")).digest, Digest::of("hello"));
}

TYPED_TEST(BlobStoreContract, ForgetsWhatWasNotCommitted) {
  BlobStore& blobs = this->blobs();
  blobs.create()->write("hello");
  EXPECT_EQ(blobs.size(Digest::of("hello")), std::nullopt);
}

TYPED_TEST(BlobStoreContract, SaysNotFound) {
  EXPECT_EQ(codeOf([&] { this->blobs().open(Digest::of("absent")); }), base::Errc::notFound);
}

TYPED_TEST(BlobStoreContract, RemovesOnceAndAgain) {
  BlobStore& blobs = this->blobs();
  const auto digest = putBlob(blobs, "hello").digest;
  blobs.remove(digest);
  EXPECT_EQ(blobs.size(digest), std::nullopt);
  EXPECT_NO_THROW(blobs.remove(digest));
}

TYPED_TEST(BlobStoreContract, TakesTheSameContentFromManyWriters) {
  BlobStore& blobs = this->blobs();
  const std::string content = bytesOf(300'000, 2);
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      for (int round = 0; round < 5; ++round)
        EXPECT_EQ(putBlob(blobs, content).digest, Digest::of(content));
    });
  }
  for (auto& writer : writers)
    writer.join();
  EXPECT_EQ(readAll(*blobs.open(Digest::of(content))), content);
}

std::size_t filesBelow(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    count += entry.is_regular_file() ? 1 : 0;
  return count;
}

TEST(DiskBlobStore, NamesFilesByDigest) {
  TempFolder folder;
  DiskBlobStore blobs(folder.path());
  const auto digest = putBlob(blobs, "hello").digest;
  EXPECT_EQ(blobs.path(digest), folder.path() / "sha256" / digest.hex().substr(0, 2) / digest.hex());
  struct stat status {};
  ASSERT_EQ(::stat(blobs.path(digest).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
}

TEST(DiskBlobStore, LeavesNothingInUploads) {
  TempFolder folder;
  DiskBlobStore blobs(folder.path());
  putBlob(blobs, "hello");
  putBlob(blobs, "hello");
  blobs.create()->write(bytesOf(2u << 20, 3));
  auto refused = blobs.create();
  refused->write("x");
  EXPECT_ANY_THROW(refused->commit(Digest::of("y")));
  EXPECT_TRUE(fs::is_empty(folder / "uploads"));
}

TEST(DiskBlobStore, EmptiesUploadsAtStartAndKeepsBlobs) {
  TempFolder folder;
  {
    DiskBlobStore blobs(folder.path());
    putBlob(blobs, "hello");
  }
  folder.write("uploads/left", "behind");
  DiskBlobStore blobs(folder.path());
  EXPECT_TRUE(fs::is_empty(folder / "uploads"));
  EXPECT_EQ(blobs.size(Digest::of("hello")), 5u);
}

TEST(DiskBlobStore, KeepsThePresentFileAndRepairsAShortOne) {
  TempFolder folder;
  DiskBlobStore blobs(folder.path());
  const auto digest = putBlob(blobs, "hello").digest;
  const auto inodeOf = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(blobs.path(digest).c_str(), &status), 0);
    return status.st_ino;
  };
  const auto first = inodeOf();
  putBlob(blobs, "hello");
  EXPECT_EQ(inodeOf(), first);
  fs::resize_file(blobs.path(digest), 2);
  putBlob(blobs, "hello");
  EXPECT_EQ(readAll(*blobs.open(digest)), "hello");
}

// A child stores blob after blob and is killed in the middle of one: each file under a final name is whole.
TEST(DiskBlobStore, HasOnlyWholeBlobsAfterAKill) {
  TempFolder folder;
  for (unsigned round = 0; round < 10; ++round) {
    auto [stored, report] = base::makePipe();
    std::fflush(nullptr);  // else the child prints our buffer again
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      DiskBlobStore blobs(folder.path());
      for (unsigned i = 0;; ++i) {
        putBlob(blobs, bytesOf(100'000, round * 1000 + i));
        base::writeAll(report, ".");
      }
    }
    char byte = 0;
    for (unsigned i = 0; i <= round % 4; ++i)
      ASSERT_EQ(base::readSome(stored, &byte, 1), 1u);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  DiskBlobStore blobs(folder.path());
  std::size_t found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "sha256")) {
    if (!entry.is_regular_file()) continue;
    ++found;
    const auto digest = Digest::parse("sha256:" + entry.path().filename().string());
    EXPECT_EQ(Digest::of(readAll(*blobs.open(digest))), digest);
  }
  EXPECT_GT(found, 0u);
  EXPECT_EQ(filesBelow(folder / "uploads"), 0u);
}

}  // namespace
}  // namespace store
