#include <gtest/gtest.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/fuzz/gitd_inputs.h"

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

TEST(FuzzCorpus, SshCommand) {
  EXPECT_GT(replay("ssh_command", &fuzz::sshCommand), 0);
}

}  // namespace
