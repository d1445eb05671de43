#include "base/tar_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/archive.h"
#include "base/child_process.h"
#include "base/fd.h"
#include "tests/support/byte_streams.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

std::string entry(const TarEntry& header, const std::string& content = "") {
  return tarHeader(header) + content + std::string(tarPadding(content.size()), '\0');
}

std::string archive() {
  return entry({.name = "repos", .kind = TarEntry::Kind::folder, .mode = 0755}) +
         entry({.name = "repos/short", .mode = 0600, .sizeBytes = 5}, "short") +
         entry({.name = "repos/" + std::string(180, 'n'), .sizeBytes = 512}, std::string(512, 'x')) +
         entry({.name = "repos/link",
                .kind = TarEntry::Kind::symlink,
                .mode = 0777,
                .linkTarget = std::string(120, 't')}) +
         std::string(kTarEndBytes, '\0');
}

TEST(TarHeader, IsReadByOurOwnReader) {
  const testing_support::TempFolder temp;
  testing_support::StringSource source(archive());
  unpackTar(source, temp.path(), {.keepOwners = false});
  EXPECT_EQ(readFile(temp.path() / "repos/short"), "short");
  EXPECT_EQ(readFile(temp.path() / "repos" / std::string(180, 'n')), std::string(512, 'x'));
  EXPECT_EQ(std::filesystem::read_symlink(temp.path() / "repos/link"), std::string(120, 't'));
  EXPECT_EQ(std::filesystem::status(temp.path() / "repos/short").permissions(), std::filesystem::perms{0600});
}

TEST(TarHeader, IsReadByGnuTar) {
  const std::string list = mustRun({"tar", "-tvf", "-"}, {.input = archive()});
  EXPECT_THAT(list, ::testing::HasSubstr("-rw------- 0/0"));
  EXPECT_THAT(list, ::testing::HasSubstr("repos/" + std::string(180, 'n') + "\n"));
  EXPECT_THAT(list, ::testing::HasSubstr("repos/link -> " + std::string(120, 't')));
}

TEST(TarHeader, SizesBeyondTheFieldStandBeforeIt) {
  EXPECT_EQ(tarHeader({.name = "a", .sizeBytes = 077777777777}).size(), kTarBlock);
  const std::string large = tarHeader({.name = "a", .sizeBytes = 1ull << 40});
  EXPECT_EQ(large.size(), 3 * kTarBlock);
  EXPECT_THAT(large, ::testing::HasSubstr("22 size=1099511627776\n"));
}

}  // namespace
}  // namespace base
