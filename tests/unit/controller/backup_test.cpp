#include "controller/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "controller/restore.h"
#include "gitd/repository.h"
#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

using ::testing::HasSubstr;

class BackupTest : public CommandFixture {
 protected:
  BackupTest() {
    std::filesystem::create_directories(folder_.keys());
    run({"apps:create", "hello"});
    run({"config:set", "SECRET=value", "-a", "hello"});
    blob_ = diskLayer("a layer").blob.digest;
  }

  /// A stack of one layer, which a backup has to hold.
  store::Layer diskLayer(const std::string& bytes) {
    store::LayerWriter writer(diskBlobs_);
    writer.write(bytes);
    const store::Layer made = writer.commit();
    store_.putStack({"test", {{made}, made.blob.digest}, {{made}, made.blob.digest}, clock_.now()});
    return made;
  }

  std::string backUp() {
    Text text;
    const auto backup = backups_.begin({});
    backup->writeTo(text, {});
    EXPECT_EQ(text.text.size(), backup->summary().sizeBytes);
    return text.text;
  }

  std::filesystem::path write(const std::string& archive) {
    const auto file = temp_.path() / "archive";
    base::writeFileAtomically(file, archive, 0600);
    return file;
  }
  Restored restore(const std::string& archive) {
    return restoreBackup({.archive = write(archive),
                          .folder = restored_,
                          .clock = clock_,
                          .tell =
                              [this](std::string_view doing, std::uint64_t total) {
                                steps_.emplace_back(doing);
                                left_ = total;
                              },
                          .passed = [this](std::uint64_t bytes) { left_ -= std::min(left_, bytes); }});
  }
  std::string refusal(const std::string& archive) {
    try {
      restore(archive);
    } catch (const base::Error& error) {
      EXPECT_TRUE(!std::filesystem::exists(restored_) || std::filesystem::is_empty(restored_));
      return error.what();
    }
    return "none";
  }

  const std::filesystem::path restored_ = temp_.path() / "restored";
  store::Digest blob_ = store::Digest::of("");
  std::vector<std::string> steps_;  // of restoring
  std::uint64_t left_ = 0;          // bytes of the last one
};

TEST_F(BackupTest, ARestoredFolderHoldsWhatWasThere) {
  const Restored report = restore(backUp());
  EXPECT_EQ(report.apps, 1u);
  EXPECT_EQ(report.blobs, 1u);
  EXPECT_TRUE(report.missing.empty());
  EXPECT_THAT(steps_, ::testing::ElementsAre("checking the archive", "unpacking", "checking 1 blob",
                                             "checking the database and the repositories"));
  const DataFolder folder(restored_);
  store::ReleaseStore store(folder.database(), clock_);
  const store::App app = store.getApp(store::AppName::parse("hello"));
  EXPECT_EQ(store.currentRelease(app.id).config.at("SECRET"), "value");
  EXPECT_TRUE(store::DiskBlobStore(folder.blobs()).size(blob_));
  EXPECT_TRUE(std::filesystem::exists(folder.repository(app.name) / "HEAD"));
  EXPECT_FALSE(std::filesystem::exists(restored_ / kRestoring));
  struct stat info {};
  ASSERT_EQ(::stat(folder.keys().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  ASSERT_EQ(::stat(folder.database().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(BackupTest, NoPartAndNoOtherByteIsTakenForTheWhole) {
  const std::string archive = backUp();
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{511}, archive.size() / 2, archive.size() - 512, archive.size() - 1})
    EXPECT_THAT(refusal(archive.substr(0, length)), HasSubstr("this is no whole backup")) << length;
  for (const std::size_t at : {std::size_t{3}, archive.size() / 2, archive.size() - kBackupEndBytes - 1}) {
    std::string flipped = archive;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_THAT(refusal(flipped), HasSubstr("the backup is damaged")) << at;
  }
  EXPECT_THAT(refusal(archive + "x"), HasSubstr("this is no whole backup"));
}

TEST_F(BackupTest, IsTheStateOfOneMomentWhateverComesAfter) {
  const auto backup = backups_.begin({});
  run({"config:set", "SECRET=later", "-a", "hello"});
  run({"apps:create", "later"});
  run({"apps:destroy", "-a", "hello", "--confirm", "hello"});
  EXPECT_THAT(run({"gc"}).err, HasSubstr("a backup is being made"));
  EXPECT_THAT(run({"backup", "-"}).err, HasSubstr("another backup is being made"));
  Text text;
  backup->writeTo(text, {});
  restore(text.text);
  store::ReleaseStore store(DataFolder(restored_).database(), clock_);
  ASSERT_EQ(store.apps().size(), 1u);
  EXPECT_EQ(store.currentRelease(store.apps()[0].id).config.at("SECRET"), "value");
}

TEST_F(BackupTest, LeavesNothingBehind) {
  backUp();
  EXPECT_TRUE(std::filesystem::is_empty(folder_.run() / "backup"));
  EXPECT_EQ(run({"gc"}).code, 0);
}

TEST_F(BackupTest, DamagedBlobsAreLeftOutAndNamed) {
  base::writeFileAtomically(diskBlobs_.path(blob_), "something else");
  EXPECT_EQ(restore(backUp()).damaged, std::vector{blob_.str()});
  std::filesystem::remove(diskBlobs_.path(blob_));
  base::removeTree(restored_);
  EXPECT_EQ(restore(backUp()).missing, std::vector{blob_.str()});
  EXPECT_THAT(run({"backup", "-"}).err, HasSubstr(blob_.str() + " is damaged or gone"));
}

TEST_F(BackupTest, AFolderThatIsNotEmptyIsLeftAlone) {
  const std::string archive = backUp();
  std::filesystem::create_directories(restored_);
  base::writeFileAtomically(restored_ / "mine", "x");
  EXPECT_THROW(restore(archive), base::Error);
  EXPECT_TRUE(std::filesystem::exists(restored_ / "mine"));
}

TEST_F(BackupTest, ARefToNothingIsFound) {
  const auto repository = folder_.repository(store::AppName::parse("hello"));
  std::filesystem::create_directories(repository / "refs/heads");
  std::ofstream(repository / "refs/heads/main") << std::string(40, 'a') << "\n";
  EXPECT_THAT(refusal(backUp()), HasSubstr("repository of hello: refs/heads/main names"));
}

TEST_F(BackupTest, IsPreparedOnceForTheClientThatFetchesIt) {
  Text out, err, archive;
  std::string path;
  const int code = commands_.run(local("ada"), {"backup", "mine.backup"},
                                 {.out = out,
                                  .err = err,
                                  .save =
                                      [&](const Download& download) {
                                        path = download.path;
                                        EXPECT_EQ(download.file, "mine.backup");
                                        EXPECT_EQ(download.kind, Download::Kind::secret);
                                        EXPECT_THAT(run({"gc"}).err, HasSubstr("a backup is being made"));
                                        EXPECT_THROW(backups_.take("guessed"), base::Error);
                                        const std::string id = path.substr(path.rfind('/') + 1);
                                        const auto backup = backups_.take(id);
                                        EXPECT_THROW(backups_.take(id), base::Error)
                                            << "it is handed over once";
                                        backup->writeTo(archive, {});
                                      },
                                  .input = "",
                                  .defaultApp = "",
                                  .stop = {}});
  EXPECT_EQ(code, 0) << err.text;
  EXPECT_EQ(err.text.find("1 apps"), std::string::npos) << err.text;
  EXPECT_THAT(err.text, HasSubstr("Backing up 1 app, 1 blob, "));
  EXPECT_EQ(out.text, "The backup is whole: mine.backup\n");
  EXPECT_EQ(restore(archive.text).apps, 1u);
  EXPECT_EQ(run({"gc"}).code, 0);
}

TEST_F(BackupTest, IsDroppedWhenItsClientIsGone) {
  std::stop_source gone;
  EXPECT_THROW(backups_.handOver(
                   backups_.begin({}), [&](const std::string&) { gone.request_stop(); }, gone.get_token()),
               base::Error);
  EXPECT_THROW(
      backups_.handOver(
          backups_.begin({}),
          [](const std::string&) { throw base::Error(base::Errc::cancelled, "the client went away"); }, {}),
      base::Error);
  EXPECT_EQ(run({"gc"}).code, 0) << "what was prepared is held on to";
  EXPECT_TRUE(std::filesystem::is_empty(folder_.run() / "backup"));
}

TEST_F(BackupTest, TheCommandSendsItsArchiveWhereThereAreNoFiles) {
  const Answer answer = run({"backup", "-"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(restore(answer.out).apps, 1u);
  EXPECT_THAT(run({"backup", "file"}).err, HasSubstr("cannot write files over SSH"));
}

}  // namespace
}  // namespace controller
