// What detection and "heroku/NAME" mean, with the bundled buildpacks and with Heroku's.
#include "builder/detail/buildpack_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace builder::detail {
namespace {

using testing::ElementsAre;
using Kind = BuildpackSource::Kind;

std::vector<std::string> namesOf(const std::vector<BuildpackSource>& sources) {
  std::vector<std::string> names;
  for (const auto& source : sources)
    names.push_back(source.kind == Kind::named ? source.name : source.url);
  return names;
}

class BuildpackChoice : public testing::Test {
 protected:
  /// The URL, or the name of one at hand.
  std::string resolved(const std::string& text, BuildpackOrigin origin) {
    const auto source = resolve(std::get<BuildpackSource>(parseBuildpackSource(text)), origin,
                                BuildpackLibrary(folder / "own"));
    const std::string what = source.kind == Kind::named ? source.name : source.url;
    return source.ref.empty() ? what : what + "#" + source.ref;
  }

  testing_support::TempFolder folder;
  const BuildpackLibrary library{folder / "own"};
};

TEST_F(BuildpackChoice, HerokusNamesAreTheBundledOnesWhereThereAreSuch) {
  const auto bundled = BuildpackOrigin::bundled;
  EXPECT_EQ(resolved("heroku/nodejs", bundled), "nodejs");
  EXPECT_EQ(resolved("heroku/gradle", bundled), "java");
  EXPECT_EQ(resolved("heroku/clojure", bundled), "https://github.com/heroku/heroku-buildpack-clojure");
  EXPECT_EQ(resolved("heroku/nodejs#v300", bundled),
            "https://github.com/heroku/heroku-buildpack-nodejs#v300");
  EXPECT_EQ(resolved("nodejs", bundled), "nodejs");
  EXPECT_EQ(resolved("nosuch", bundled), "nosuch");
  folder.write("own/clojure/bin/detect", "");
  EXPECT_EQ(resolved("heroku/clojure", bundled), "clojure") << "the operator's";
}

TEST_F(BuildpackChoice, OneSettingMakesThemHerokusOwn) {
  const auto heroku = BuildpackOrigin::heroku;
  EXPECT_EQ(resolved("heroku/nodejs", heroku), "https://github.com/heroku/heroku-buildpack-nodejs");
  EXPECT_EQ(resolved("heroku/jvm", heroku), "https://github.com/heroku/heroku-buildpack-jvm-common");
  EXPECT_EQ(resolved("nodejs", heroku), "nodejs");
  EXPECT_EQ(resolved("https://example.org/a.git", heroku), "https://example.org/a.git");
}

TEST_F(BuildpackChoice, DetectionAsksTheBundledOnes) {
  const auto names = namesOf(detectionSources(BuildpackOrigin::bundled, library, folder / "app"));
  EXPECT_EQ(names, library.detecting());
}

TEST_F(BuildpackChoice, DetectionFetchesOnlyHerokusOfTheAppsLanguage) {
  const auto heroku = BuildpackOrigin::heroku;
  folder.write("own/mine/bin/detect", "");
  EXPECT_THAT(namesOf(detectionSources(heroku, library, folder / "app")),
              ElementsAre("mine", "static", "procfile"));
  folder.write("app/requirements.txt", "");
  EXPECT_THAT(namesOf(detectionSources(heroku, library, folder / "app")),
              ElementsAre("mine", "https://github.com/heroku/heroku-buildpack-python", "static", "procfile"));
  // Heroku's order, not the alphabet's.
  folder.write("app/package.json", "{}");
  EXPECT_EQ(herokuName(folder / "app"), "nodejs");
  folder.write("app/Gemfile", "");
  EXPECT_EQ(herokuName(folder / "app"), "ruby");
}

}  // namespace
}  // namespace builder::detail
