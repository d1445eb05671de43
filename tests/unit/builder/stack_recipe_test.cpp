// What stacks are made of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/detail/apt_sources.h"
#include "builder/detail/install_progress.h"
#include "builder/detail/stack_recipe.h"
#include "tests/support/temp_folder.h"

namespace builder {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> linesOf(const std::vector<detail::AptSource>& sources) {
  std::vector<std::string> lines;
  for (const auto& source : sources)
    lines.push_back(source.line());
  return lines;
}

TEST(AptSources, ReadsOneLineStyle) {
  EXPECT_THAT(linesOf(detail::parseListFile("# deb http://old/ x main\n"
                                            "deb http://mirror/debian bookworm main contrib # here\n"
                                            "deb [ arch=amd64 signed-by=/k.gpg ] http://m/d bookworm main\n"
                                            "deb-src http://mirror/debian bookworm main\n"
                                            "nonsense\n")),
              ElementsAre("deb http://mirror/debian bookworm main contrib",
                          "deb [signed-by=/k.gpg] http://m/d bookworm main"));
}

TEST(AptSources, ReadsDeb822Style) {
  EXPECT_THAT(
      linesOf(detail::parseSourcesFile("Types: deb deb-src\n"
                                       "# a comment\n"
                                       "URIs: http://m/debian\n"
                                       "Suites: bookworm\n"
                                       " bookworm-updates\n"
                                       "Components: main\n"
                                       "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
                                       "\n"
                                       "Enabled: no\n"
                                       "Types: deb\nURIs: http://off/\nSuites: x\nComponents: main\n")),
      ElementsAre(
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m/debian bookworm main",
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m/debian bookworm-updates "
          "main"));
}

TEST(AptSources, LeavesOtherVendorsOut) {
  const testing_support::TempFolder apt;
  apt.write("sources.list.d/debian.sources",
            "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-backports\nComponents: main\n");
  apt.write("sources.list.d/vendor.list",
            "deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor/debian bookworm main\n"
            "deb https://docker/debian bookworm stable\n");
  apt.write("sources.list.d/off.list.disabled", "deb http://off/debian bookworm main\n");
  apt.write("sources.list", "deb http://m/security bookworm-security main\n");
  EXPECT_THAT(
      linesOf(detail::releaseSources(apt.path(), "bookworm")),
      ElementsAre("deb http://m/security bookworm-security main", "deb http://m/debian bookworm main"));
  EXPECT_TRUE(detail::releaseSources(apt / "none", "bookworm").empty());
}

TEST(AptSources, KeepsProxiesOnly) {
  EXPECT_THAT(
      detail::transportSettings("Acquire \"\";\nAcquire::http::Proxy \"http://p:3128\";\n"
                                "Acquire::https::CaInfo \"/ca.pem\";\nAcquire::Languages:: \"none\";\n"
                                "APT::Install-Recommends \"true\";\nAcquire::http::Proxy::h \"\";\n"),
      ElementsAre("Acquire::http::Proxy \"http://p:3128\";", "Acquire::https::CaInfo \"/ca.pem\";"));
}

TEST(StackRecipe, BuildImageHoldsTheRunImagesPackages) {
  const auto& recipe = detail::stackRecipes().front();
  const auto run = detail::mmdebstrapArguments(recipe, detail::StackPart::run, {"Acquire::Retries \"3\";"});
  const auto build = detail::mmdebstrapArguments(recipe, detail::StackPart::build, {});
  EXPECT_THAT(run, Contains("--aptopt=Acquire::Retries \"3\";"));
  EXPECT_THAT(run, Contains(StartsWith("--include=usr-is-merged,bash,")));
  EXPECT_THAT(build, Contains(testing::AllOf(StartsWith("--include="), HasSubstr("nginx"))));
  // In a second step: what there is before it is the run image, and is written down as such.
  EXPECT_THAT(build, Contains(testing::AllOf(HasSubstr("/usr/share/stack/run-packages"),
                                             HasSubstr(" build-essential "))));
  // Whatever buildpack asks apt, it gets what the run image lacks.
  EXPECT_THAT(build, Contains(HasSubstr("Dir::State::status \"/usr/share/stack/run-packages\";")));
  EXPECT_THAT(run, testing::Not(Contains(HasSubstr("Dir::State::status"))));
  EXPECT_EQ(build.back(), "-");
}

TEST(InstallProgress, CountsPackages) {
  detail::InstallProgress progress;
  EXPECT_EQ(progress.describe(), "starting");
  progress.write("I: running apt-get update...\nGet:1 x\n");
  EXPECT_EQ(progress.describe(), "reading package lists");
  progress.write("0 upgraded, 3 newly installed, 0 to remove\nUnpack");
  progress.write("ing a (1) ...\nUnpacking b (1) ...\n");
  EXPECT_EQ(progress.describe(), "unpacking, 2 of 3 packages");
  progress.write("Setting up a (1) ...\r\n");
  EXPECT_EQ(progress.describe(), "setting up, 1 of 3 packages");
  progress.write("I: creating tarball...\n");
  EXPECT_EQ(progress.describe(), "packing");
  progress.write("E: first\nmore\nE: it broke\n");
  EXPECT_EQ(progress.lastWords(), "E: first; E: it broke");
}

}  // namespace
}  // namespace builder
