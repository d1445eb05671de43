#include "sandbox/layer_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/gzip.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox {
namespace {

using base::Digest;
namespace fs = std::filesystem;

constexpr std::uint32_t kShift = 1879048192;

struct Entry {
  std::string name;
  char type = '0';
  std::string content;
  unsigned uid = 0;
};

// One ustar entry: header and padded content.
std::string tarEntry(const Entry& entry) {
  char header[512] = {};
  std::snprintf(header, 100, "%s", entry.name.c_str());
  std::snprintf(header + 100, 8, "%07o", entry.type == '5' ? 0755u : 0644u);
  std::snprintf(header + 108, 8, "%07o", entry.uid);
  std::snprintf(header + 116, 8, "%07o", entry.uid);
  std::snprintf(header + 124, 12, "%011zo", entry.content.size());
  std::snprintf(header + 136, 12, "%011o", 0u);
  header[156] = entry.type;
  std::memcpy(header + 257, "ustar\00000", 8);
  std::memset(header + 148, ' ', 8);
  unsigned sum = 0;
  for (const char byte : header)
    sum += static_cast<unsigned char>(byte);
  std::snprintf(header + 148, 8, "%06o", sum);
  std::string text(header, sizeof header);
  text += entry.content;
  text.resize((text.size() + 511) / 512 * 512);
  return text;
}

std::string layerOf(const std::vector<Entry>& entries) {
  std::string tar;
  for (const Entry& entry : entries)
    tar += tarEntry(entry);
  tar.append(20 * 512, '\0');  // longer than a reader needs: the digest covers it too
  sandbox_test::StringSink sink;
  base::GzipWriter writer(sink);
  writer.write(tar);
  writer.finish();
  return sink.text;
}

class StringSource : public base::ByteSource {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = std::min(capacity, text_.size() - at_);
    std::memcpy(buffer, text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

/// Unpacked by this process, and by a worker of a supervisor.
class LayerStoreTest : public sandbox_test::RuntimeTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    own_ = makeForeignTrees(kShift);
  }
  ForeignTrees& trees() { return std::string(GetParam()) == "own" ? *own_ : runtime_->trees(); }
  std::function<std::unique_ptr<base::ByteSource>()> opener(const std::string& bytes) {
    return [this, bytes] {
      ++opened_;
      return std::make_unique<StringSource>(bytes);
    };
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(root()))
      found.push_back(entry.path().filename().string());
    return found;
  }
  fs::path root() const { return folder_->path() / "layers"; }

  std::unique_ptr<ForeignTrees> own_;
  std::atomic<int> opened_ = 0;
};

TEST_P(LayerStoreTest, UnpacksOnceWithShiftedOwners) {
  const std::string bytes = layerOf({{"etc/", '5', "", 0}, {"etc/name", '0', "content", 7}});
  const Digest digest = Digest::of(bytes);
  LayerStore store(root(), trees());
  EXPECT_FALSE(store.has(digest));
  const fs::path layer = store.ensure(digest, opener(bytes));
  EXPECT_EQ(layer, root() / digest.hex());
  EXPECT_TRUE(store.has(digest));
  EXPECT_EQ(base::readFile(layer / "etc/name"), "content");
  struct stat status {};
  ASSERT_EQ(::stat((layer / "etc/name").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kShift + 7);
  ASSERT_EQ(::stat(layer.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kShift);
  EXPECT_EQ(status.st_mode & 0777u, 0755u);
  store.ensure(digest, opener(bytes));
  EXPECT_EQ(opened_, 1);
}

TEST_P(LayerStoreTest, SweepsWhatIsNeitherKeptNorUsed) {
  const std::string one = layerOf({{"one", '0', "1"}}), two = layerOf({{"two", '0', "2"}}),
                    three = layerOf({{"three", '0', "3"}});
  {
    LayerStore before(root(), trees());
    for (const std::string& bytes : {one, two, three})
      before.ensure(Digest::of(bytes), opener(bytes));
    EXPECT_EQ(before.sweep({}, std::chrono::hours(1)), 0u) << "all were just used";
  }
  LayerStore store(root(), trees());
  EXPECT_EQ(store.sweep({}, std::chrono::hours(1)), 0u) << "who used them before this start is not known";
  EXPECT_EQ(store.sweep({Digest::of(one).hex()}, std::chrono::seconds(0)), 2u);
  EXPECT_THAT(names(), ::testing::ElementsAre(Digest::of(one).hex()));
  store.ensure(Digest::of(two), opener(two));
  EXPECT_EQ(opened_, 4);
}

TEST_P(LayerStoreTest, TurnsWhiteoutsIntoOverlayForm) {
  const std::string bytes = layerOf({{"etc/", '5'}, {"etc/.wh.gone", '0'}});
  LayerStore store(root(), trees());
  const fs::path layer = store.ensure(Digest::of(bytes), opener(bytes));
  struct stat status {};
  ASSERT_EQ(::lstat((layer / "etc/gone").c_str(), &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
  EXPECT_EQ(status.st_rdev, 0u);
}

TEST_P(LayerStoreTest, HidesWhatLowerLayersHaveInAnOpaqueFolder) {
  const std::string bytes = layerOf({{"etc/", '5'}, {"etc/.wh..wh..opq", '0'}, {"etc/new", '0', "new"}});
  LayerStore store(root(), trees());
  const fs::path layer = store.ensure(Digest::of(bytes), opener(bytes));
  char value = 0;
  ASSERT_EQ(::getxattr((layer / "etc").c_str(), "trusted.overlay.opaque", &value, 1), 1);
  EXPECT_EQ(value, 'y');
  EXPECT_EQ(base::readFile(layer / "etc/new"), "new");
}

TEST_P(LayerStoreTest, KeepsTheBitsAndOwnersThatAContainerSees) {
  std::string program = tarEntry({"su", '0', "program", 0});
  std::memcpy(program.data() + 100, "0004755", 8);
  std::memset(program.data() + 148, ' ', 8);
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i)
    sum += static_cast<unsigned char>(program[i]);
  std::snprintf(program.data() + 148, 8, "%06o", sum);
  const std::string tar = program + tarEntry({"file", '0', "content", 65533}) + std::string(1024, '\0');
  LayerStore store(root(), trees());
  const fs::path layer = store.ensure(Digest::of(tar), opener(tar));
  struct stat status {};
  ASSERT_EQ(::stat((layer / "su").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 04755u);
  EXPECT_EQ(status.st_uid, kShift);
  ASSERT_EQ(::stat((layer / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kShift + 65533);
}

TEST_P(LayerStoreTest, AMegabyteBehindTheArchivesEndIsReadToo) {
  sandbox_test::StringSink sink;
  std::string tar = tarEntry({"file", '0', "content"});
  tar.append(1u << 20, '\0');
  LayerStore store(root(), trees());
  store.ensure(Digest::of(tar), opener(tar));
  EXPECT_TRUE(store.has(Digest::of(tar)));
}

TEST_P(LayerStoreTest, WhatASourceSaysGoesBeforeWhatItsReaderMissed) {
  class Broken : public base::ByteSource {
   public:
    std::size_t read(char*, std::size_t) override { throw base::Error(base::Errc::io, "the disk is broken"); }
  };
  LayerStore store(root(), trees());
  try {
    store.ensure(Digest::of("x"), [] { return std::make_unique<Broken>(); });
    ADD_FAILURE() << "it was taken";
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "the disk is broken");
  }
  EXPECT_THAT(names(), ::testing::IsEmpty());
}

TEST_P(LayerStoreTest, KeepsNothingOfOtherBytes) {
  const std::string bytes = layerOf({{"file", '0', "content"}});
  const Digest other = Digest::of("something else");
  LayerStore store(root(), trees());
  try {
    store.ensure(other, opener(bytes));
    ADD_FAILURE() << "it was taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::corrupt);
  }
  EXPECT_FALSE(store.has(other));
  EXPECT_THAT(names(), ::testing::IsEmpty());
  EXPECT_ANY_THROW(store.ensure(Digest::of(bytes.substr(0, 60)), opener(bytes.substr(0, 60))));
  EXPECT_THAT(names(), ::testing::IsEmpty());
  store.ensure(Digest::of(bytes), opener(bytes));
}

TEST_P(LayerStoreTest, CallersAtATimeShareTheWork) {
  const std::string bytes = layerOf({{"file", '0', std::string(1 << 20, 'x')}});
  LayerStore store(root(), trees());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] { store.ensure(Digest::of(bytes), opener(bytes)); });
  }
  EXPECT_EQ(opened_, 1);
  EXPECT_TRUE(store.has(Digest::of(bytes)));
}

TEST_P(LayerStoreTest, SweepsWhatAKilledDaemonLeft) {
  fs::create_directories(root() / ".tmp-0011/half");
  LayerStore store(root(), trees());
  EXPECT_THAT(names(), ::testing::IsEmpty());
}

TEST_P(LayerStoreTest, Removes) {
  const std::string bytes = layerOf({{"file", '0', "content"}});
  LayerStore store(root(), trees());
  store.ensure(Digest::of(bytes), opener(bytes));
  store.remove(Digest::of(bytes));
  EXPECT_FALSE(store.has(Digest::of(bytes)));
  EXPECT_THAT(names(), ::testing::IsEmpty());
  store.remove(Digest::of(bytes));
}

INSTANTIATE_TEST_SUITE_P(By, LayerStoreTest, ::testing::Values("own", "supervisor"),
                         [](const auto& door) { return std::string(door.param); });

}  // namespace
}  // namespace sandbox
