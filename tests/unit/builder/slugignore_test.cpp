#include "builder/detail/slugignore.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/temp_folder.h"

namespace builder::detail {
namespace {

using Kind = SlugIgnore::Kind;

struct Row {
  const char* pattern;
  const char* path;
  Kind kind;
  bool matches;
};

TEST(SlugIgnore, MatchesAsTheTableSays) {
  const std::vector<Row> table = {
      {"*.psd", "a.psd", Kind::file, true},
      {"*.psd", "deep/down/a.psd", Kind::file, true},
      {"*.psd", "a.psd.txt", Kind::file, false},
      {"test", "test", Kind::folder, true},
      {"test", "lib/test", Kind::folder, true},
      {"test", "testing", Kind::folder, false},
      {"/test", "test", Kind::folder, true},
      {"/test", "lib/test", Kind::folder, false},
      {"doc/api", "doc/api", Kind::folder, true},
      {"doc/api", "x/doc/api", Kind::folder, false},
      {"doc/*.md", "doc/a.md", Kind::file, true},
      {"doc/*.md", "doc/x/a.md", Kind::file, false},
      {"log/", "log", Kind::folder, true},
      {"log/", "x/log", Kind::folder, true},
      {"log/", "log", Kind::file, false},
      {"**/cache", "a/b/cache", Kind::folder, true},
      {"a/**/z", "a/z", Kind::file, true},
      {"a/**/z", "a/b/c/z", Kind::file, true},
      {"a/**", "a/b", Kind::file, true},
      {"a/**", "b/a", Kind::file, false},
      {"file?.[ch]", "file1.c", Kind::file, true},
      {"file?.[!ch]", "file1.c", Kind::file, false},
      {"[a-c]x", "bx", Kind::file, true},
      {"[", "[", Kind::file, true},
      {"\\*", "*", Kind::file, true},
      {"\\*", "a", Kind::file, false},
      {"!keep", "keep", Kind::file, false},
      {"  spaced  ", "spaced", Kind::file, true},
      {"# a", "# a", Kind::file, false},
      {"/", "a", Kind::file, false},
      {"**", "a", Kind::file, false},
      {"..", "a", Kind::file, false},
  };
  for (const auto& row : table) {
    EXPECT_EQ(SlugIgnore::parse(row.pattern).matches(row.path, row.kind), row.matches)
        << row.pattern << " " << row.path;
  }
}

TEST(SlugIgnore, NoPatternStallsIt) {
  std::string stars;
  for (int i = 0; i < 50; ++i)
    stars += "*a";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(SlugIgnore::parse(stars + "b").matches(std::string(255, 'a'), Kind::file));
  std::string folders = "x";
  for (int i = 0; i < 50; ++i)
    folders += "/**/x";
  std::string path = "x";
  for (int i = 0; i < 200; ++i)
    path += "/x";
  EXPECT_FALSE(SlugIgnore::parse(folders + "/b").matches(path, Kind::file));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(SlugIgnore, RemovesMatchesWholeAndStaysInside) {
  const testing_support::TempFolder folder;
  folder.write("outside/keep.txt", "x");
  folder.write("app/test/unit/a.txt", "x");
  folder.write("app/lib/a.psd", "x");
  folder.write("app/lib/b.txt", "x");
  std::filesystem::create_directory_symlink("../outside", folder / "app/link");
  const auto ignore = SlugIgnore::parse("test\n*.psd\nlink/keep.txt\nkeep.txt\r\n");
  EXPECT_EQ(removeIgnored(folder / "app", ignore), 2u);
  EXPECT_FALSE(std::filesystem::exists(folder / "app/test"));
  EXPECT_FALSE(std::filesystem::exists(folder / "app/lib/a.psd"));
  EXPECT_TRUE(std::filesystem::exists(folder / "app/lib/b.txt"));
  EXPECT_TRUE(std::filesystem::exists(folder / "outside/keep.txt"));
  EXPECT_EQ(removeIgnored(folder / "app", SlugIgnore::parse("link")), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder / "outside/keep.txt"));
}

}  // namespace
}  // namespace builder::detail
