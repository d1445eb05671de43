#include <gtest/gtest.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/fuzz/git_reading_inputs.h"

namespace {

/// Runs every file of tests/data/fuzz/NAME, whole and cut short; what once crashed must not crash again.
int replay(const std::string& name, void (*body)(std::string_view)) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SOURCE_DIR) / "tests/data/fuzz" / name)) {
    SCOPED_TRACE(entry.path().filename().string());
    const std::string bytes = base::readFile(entry.path());
    for (std::size_t size = 0; size <= bytes.size(); size += 1 + bytes.size() / 64)
      body(std::string_view(bytes).substr(0, size));
    body(bytes);
    // One byte changed, at places all over.
    for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 64) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ 0x81);
      body(changed);
    }
    ++files;
  }
  return files;
}

TEST(ReadingCorpus, Idx) {
  EXPECT_GT(replay("idx", &fuzz::idx), 0);
}
TEST(ReadingCorpus, PackEntry) {
  EXPECT_GT(replay("pack_entry", &fuzz::packEntry), 0);
}
TEST(ReadingCorpus, ObjectFilter) {
  EXPECT_GT(replay("object_filter", &fuzz::objectFilter), 0);
}
TEST(ReadingCorpus, UploadPack) {
  EXPECT_GT(replay("upload_pack", &fuzz::uploadPack), 0);
}

}  // namespace
