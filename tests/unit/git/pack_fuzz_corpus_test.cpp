#include <gtest/gtest.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/fuzz/git_pack_inputs.h"

namespace {

/// Runs every file of tests/data/fuzz/NAME; what once crashed must not crash again.
int replay(const std::string& name, void (*body)(std::string_view)) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SOURCE_DIR) / "tests/data/fuzz" / name)) {
    SCOPED_TRACE(entry.path().filename().string());
    body(base::readFile(entry.path()));
    ++files;
  }
  return files;
}

TEST(PackFuzzCorpus, Pack) {
  EXPECT_GT(replay("pack", &fuzz::pack), 0);
}

TEST(PackFuzzCorpus, Delta) {
  EXPECT_GT(replay("delta", &fuzz::delta), 0);
}

TEST(PackFuzzCorpus, Tree) {
  EXPECT_GT(replay("tree", &fuzz::tree), 0);
}

TEST(PackFuzzCorpus, Gitmodules) {
  EXPECT_GT(replay("gitmodules", &fuzz::gitmodules), 0);
}

}  // namespace
