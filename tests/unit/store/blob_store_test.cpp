// The contract of BlobStore, on every implementation, and what holds on disk only.
#include "store/blob_store.h"

#include <fcntl.h>
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

// What is read before it was verified.
class Damage : public ::testing::Test {
 protected:
  static void flip(const fs::path& file, std::size_t at) {
    const base::Fd fd = base::openFile(file, O_RDWR);
    char byte = 0;
    ASSERT_EQ(::pread(fd.get(), &byte, 1, static_cast<off_t>(at)), 1);
    byte = static_cast<char>(byte ^ 1);
    ASSERT_EQ(::pwrite(fd.get(), &byte, 1, static_cast<off_t>(at)), 1);
  }
  /// As it is sent: through read() when it wants to see, else past it.
  static std::string sent(base::ServedFile& file) {
    const bool wants = file.wantsToSee();
    std::string bytes(file.sizeBytes(), ' ');
    if (wants) {
      for (std::size_t at = 0; at < bytes.size(); at += 1000)
        file.read(bytes.data() + at, std::min<std::size_t>(1000, bytes.size() - at), at);
    } else {
      EXPECT_EQ(::pread(file.fd().get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    file.allowEnd();
    return bytes;
  }
  /// After a while without a change, so that its state is told from others.
  void settle() const {
    timespec past{};
    ::clock_gettime(CLOCK_REALTIME, &past);
    const auto stamp = FileStamp::of(file_);
    while (stamp && past.tv_sec * 1'000'000'000 + past.tv_nsec - stamp->changedNs < 110'000'000) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::clock_gettime(CLOCK_REALTIME, &past);
    }
  }
  void expectQuarantined(const std::string& finding) {
    EXPECT_EQ(blobs_.size(digest_), std::nullopt);
    EXPECT_EQ(codeOf([&] { blobs_.open(digest_); }), base::Errc::notFound);
    EXPECT_TRUE(fs::exists(folder_ / ("quarantine/sha256-" + digest_.hex())));
    EXPECT_THAT(base::readFile(folder_ / "quarantine/journal"),
                ::testing::AllOf(::testing::HasSubstr(digest_.str()), ::testing::HasSubstr(finding)));
    EXPECT_EQ(putBlob(blobs_, content_).digest, digest_);
    EXPECT_EQ(sent(*blobs_.openToSend(digest_, content_.size())), content_);
  }

  TempFolder folder_;
  DiskBlobStore blobs_{folder_.path()};
  std::string content_ = bytesOf(200'000, 7);
  Digest digest_ = putBlob(blobs_, content_).digest;
  fs::path file_ = blobs_.path(digest_);
};

TEST_F(Damage, AFlippedBitDoesNotComeToItsEnd) {
  flip(file_, 1234);
  const auto file = blobs_.openToSend(digest_, content_.size());
  EXPECT_EQ(codeOf([&] { sent(*file); }), base::Errc::notFound);
  expectQuarantined("another digest");
}

TEST_F(Damage, AFlippedBitIsFoundByWhoSendsAPart) {
  flip(file_, 1234);
  const auto file = blobs_.openToSend(digest_, content_.size());
  char byte = 0;
  file->read(&byte, 1, 100'000);
  EXPECT_EQ(codeOf([&] { file->allowEnd(); }), base::Errc::notFound);
  expectQuarantined("another digest");
}

TEST_F(Damage, AFlippedBitIsFoundByWhoUnpacks) {
  flip(file_, content_.size() - 1);
  EXPECT_EQ(codeOf([&] { readAll(*blobs_.open(digest_)); }), base::Errc::notFound);
  expectQuarantined("another digest");
}

TEST_F(Damage, ACutFileIsFoundWhenItIsOpened) {
  fs::resize_file(file_, 5);
  EXPECT_EQ(codeOf([&] { blobs_.openToSend(digest_, content_.size()); }), base::Errc::notFound);
  expectQuarantined("another digest");
}

TEST_F(Damage, AFileThatIsCutWhileItIsSentIsFound) {
  const auto file = blobs_.openToSend(digest_, content_.size());
  ASSERT_TRUE(file->wantsToSee());
  fs::resize_file(file_, 5);
  std::string bytes(content_.size(), ' ');
  EXPECT_EQ(codeOf([&] { file->read(bytes.data(), bytes.size(), 0); }), base::Errc::notFound);
  expectQuarantined("shorter");
}

TEST_F(Damage, WhatWasVerifiedIsNotReadAgainUntilItChanges) {
  settle();
  EXPECT_EQ(sent(*blobs_.openToSend(digest_, content_.size())), content_);
  EXPECT_FALSE(blobs_.openToSend(digest_, content_.size())->wantsToSee());
  flip(file_, 99);
  const auto file = blobs_.openToSend(digest_, content_.size());
  EXPECT_EQ(codeOf([&] { sent(*file); }), base::Errc::notFound);
  expectQuarantined("another digest");
}

TEST_F(Damage, WhatIsWrittenToWhileItIsSentByTheKernelDoesNotEnd) {
  settle();
  EXPECT_TRUE(blobs_.check(digest_));
  const auto file = blobs_.openToSend(digest_, content_.size());
  EXPECT_FALSE(file->wantsToSee());
  flip(file_, 99);
  EXPECT_EQ(codeOf([&] { file->allowEnd(); }), base::Errc::notFound);
  expectQuarantined("another digest");
}

TEST_F(Damage, StoringABlobAgainDoesNotDisturbItsReaders) {
  settle();
  EXPECT_TRUE(blobs_.check(digest_));
  const auto file = blobs_.openToSend(digest_, content_.size());
  const auto again = folder_.write("uploads/again", content_);
  blobs_.adopt(again, base::openFile(again, O_RDWR), digest_);
  EXPECT_EQ(sent(*file), content_);
}

TEST_F(Damage, OneReadsForAllWhoSendAtTheSameTime) {
  settle();
  const auto first = blobs_.openToSend(digest_, content_.size());
  const auto second = blobs_.openToSend(digest_, content_.size());
  EXPECT_TRUE(first->wantsToSee());
  EXPECT_FALSE(second->wantsToSee());
  EXPECT_NO_THROW(second->allowEnd());  // read for it, at the disk's pace
  EXPECT_FALSE(blobs_.openToSend(digest_, content_.size())->wantsToSee());
}

TEST_F(Damage, ARowsOtherSizeIsNoReasonToThrowAwayWhatIsRight) {
  EXPECT_EQ(codeOf([&] { blobs_.openToSend(digest_, 7); }), base::Errc::notFound);
  EXPECT_EQ(blobs_.size(digest_), content_.size());
}

TEST_F(Damage, StoringItAgainHeals) {
  flip(file_, 50);
  putBlob(blobs_, content_);
  EXPECT_EQ(readAll(*blobs_.open(digest_)), content_);
  flip(file_, 60);
  const auto again = folder_.write("uploads/again", content_);
  blobs_.adopt(again, base::openFile(again, O_RDWR), digest_);
  EXPECT_EQ(readAll(*blobs_.open(digest_)), content_);
}

TEST_F(Damage, ABlobThatWasStoredMeanwhileIsNotSetAside) {
  flip(file_, 50);
  const auto file = blobs_.openToSend(digest_, content_.size());
  const auto again = folder_.write("uploads/again", content_);
  blobs_.adopt(again, base::openFile(again, O_RDWR), digest_);
  EXPECT_EQ(codeOf([&] { sent(*file); }), base::Errc::notFound);
  EXPECT_EQ(blobs_.size(digest_), content_.size());
  EXPECT_EQ(readAll(*blobs_.open(digest_)), content_);
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
