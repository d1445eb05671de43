// The buildpacks at hand: which there are, in which order, and what a copy holds.
#include "builder/detail/buildpack_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "tests/support/temp_folder.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// The languages as Heroku asks them, then what has no language; those that only come by name stand last.
TEST(BuildpackLibrary, DetectsInTheDocumentedOrder) {
  const BuildpackLibrary library("/nonexistent");
  const auto detecting = library.detecting();
  const auto names = library.names();
  EXPECT_EQ(detecting.back(), "procfile");
  EXPECT_THAT(names, testing::Contains("apt"));
  EXPECT_THAT(detecting, Not(testing::Contains("apt")));
  EXPECT_TRUE(std::equal(detecting.begin(), detecting.end(), names.begin()));
}

TEST(BuildpackLibrary, EveryBundledOneIsComplete) {
  const BuildpackLibrary library("/nonexistent");
  for (const auto& each : library.list()) {
    const testing_support::TempFolder folder;
    const fs::path copy = folder / each.name;
    library.copy(each.name, copy);
    EXPECT_EQ(each.origin, BuildpackInfo::Origin::bundled);
    EXPECT_THAT(each.description, Not(testing::IsEmpty())) << each.name;
    EXPECT_THAT(each.description, Not(HasSubstr("`"))) << each.name;
    for (const char* program : {"bin/detect", "bin/compile"}) {
      ASSERT_TRUE(fs::exists(copy / program)) << each.name;
      EXPECT_NE(fs::status(copy / program).permissions() & fs::perms::owner_exec, fs::perms::none);
    }
    // What several of them source is in each.
    EXPECT_TRUE(fs::exists(copy / "lib/output.sh")) << each.name;
  }
  EXPECT_FALSE(library.has("shared"));
}

TEST(BuildpackLibrary, TheOperatorsComeFirstAndReplace) {
  const testing_support::TempFolder folder;
  folder.write("zeta/README.md", "# zeta\n\n**Takes** a `zeta.txt`.\nMore.\n");
  folder.write("zeta/bin/detect", "true");
  folder.write("nodejs/bin/detect", "mine");
  const BuildpackLibrary library(folder.path());
  const auto names = library.detecting();
  ASSERT_GE(names.size(), 2u);
  EXPECT_EQ(names[0], "nodejs");
  EXPECT_EQ(names[1], "zeta");
  EXPECT_EQ(std::count(names.begin(), names.end(), "nodejs"), 1);
  EXPECT_EQ(library.list()[1].description, "Takes a zeta.txt.");
  EXPECT_EQ(library.list()[0].description, "");
  const testing_support::TempFolder target;
  library.copy("nodejs", target / "copy");
  EXPECT_EQ(base::readFile(target / "copy/bin/detect"), "mine");
  EXPECT_FALSE(fs::exists(target / "copy/lib/output.sh"));
  EXPECT_THROW(library.copy("nosuch", target / "other"), base::Error);
}

}  // namespace
}  // namespace builder::detail
