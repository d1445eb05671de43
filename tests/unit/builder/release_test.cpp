// builder/detail/buildpack_release.cpp and builder/detail/yaml.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/fd.h"
#include "builder/detail/buildpack_release.h"
#include "builder/detail/yaml.h"

namespace builder::detail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Pairs = std::map<std::string, std::string>;

BuildpackRelease parsed(std::string_view text) {
  auto result = parseRelease(text);
  if (const auto* error = std::get_if<ReleaseError>(&result)) {
    ADD_FAILURE() << error->message << " in: " << text;
    return {};
  }
  return std::get<BuildpackRelease>(result);
}

std::string fault(std::string_view text) {
  const auto result = parseRelease(text);
  const auto* error = std::get_if<ReleaseError>(&result);
  return error == nullptr ? "" : error->message;
}

TEST(Release, EmptyDocumentsAreFine) {
  for (const char* text :
       {"", "\n", "---", "---\n", "--- {}\n", "{}", "--- null\n", "# nothing\n", "---\n...\n", "addons: []\n",
        "addons:\nconfig_vars: {}\ndefault_process_types:\n", "[]", "~"}) {
    const auto release = parsed(text);
    EXPECT_TRUE(release.addons.empty() && release.configVars.empty() && release.processTypes.empty()) << text;
  }
}

TEST(Release, ReadsTheThreeKeys) {
  const auto release = parsed(
      "---\n"
      "addons:\n"
      "- heroku-postgresql:dev\n"
      "- 'redis'\n"
      "config_vars:\n"
      "  LANG: en_US.UTF-8\n"
      "  EMPTY: \"\"\n"
      "  PATH: /app/bin:/usr/bin # the path\n"
      "default_process_types:\n"
      "  web: npm start\n"
      "  worker: \"bin/work \\\"x\\\" $PORT\"\n"
      "  console: 'it''s: fine'\n"
      "something_else:\n"
      "  - a: b\n");
  EXPECT_THAT(release.addons, ElementsAre("heroku-postgresql:dev", "redis"));
  EXPECT_EQ(release.configVars,
            (Pairs{{"LANG", "en_US.UTF-8"}, {"EMPTY", ""}, {"PATH", "/app/bin:/usr/bin"}}));
  EXPECT_EQ(release.processTypes,
            (Pairs{{"web", "npm start"}, {"worker", "bin/work \"x\" $PORT"}, {"console", "it's: fine"}}));
}

TEST(Release, ReadsFlowAndOddStyles) {
  EXPECT_EQ(parsed("--- {default_process_types: {web: \"a, b\", w: c}}").processTypes,
            (Pairs{{"web", "a, b"}, {"w", "c"}}));
  EXPECT_EQ(parsed("default_process_types: { web: a b, \"w\": c }\r\n").processTypes,
            (Pairs{{"web", "a b"}, {"w", "c"}}));
  EXPECT_EQ(parsed("default_process_types:\n    web: a\n      b\n    w: |\n      x\n      y\n").processTypes,
            (Pairs{{"web", "a b"}, {"w", "x\ny"}}));
  EXPECT_EQ(parsed("default_process_types:\n  web: >\n    a\n    b\n").processTypes, (Pairs{{"web", "a b"}}));
  EXPECT_EQ(parsed("config_vars:\n  \"A\": \"x\\n\n    y\"\n").configVars, (Pairs{{"A", "x\n y"}}));
  EXPECT_EQ(parsed("default_process_types:\n  web: java -cp a:b: Main\n").processTypes,
            (Pairs{{"web", "java -cp a:b: Main"}}));
}

TEST(Release, SaysWhatIsWrong) {
  EXPECT_THAT(fault("Error: it broke\nat line 5"), HasSubstr("line 2"));
  EXPECT_THAT(fault("addons: [a\n"), HasSubstr("line 1"));
  EXPECT_THAT(fault("config_vars:\n  A: \"x\n"), HasSubstr("line 2"));
  EXPECT_THAT(fault("config_vars:\n\tA: x\n"), HasSubstr("tab"));
  EXPECT_THAT(fault("config_vars: text\n"), HasSubstr("not a map"));
  EXPECT_THAT(fault("config_vars:\n  A: {B: c}\n"), HasSubstr("not a text"));
  EXPECT_THAT(fault("config_vars:\n  A-B: c\n"), HasSubstr("A-B"));
  EXPECT_THAT(fault("default_process_types:\n  'we b': c\n"), HasSubstr("we b"));
  EXPECT_THAT(fault(std::string(70000, ' ')), HasSubstr("64 KiB"));
  EXPECT_THAT(fault("a: " + std::string(1000, '[')), HasSubstr("line 1"));
}

TEST(Release, SurvivesItsFuzzSeeds) {
  int seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/data/fuzz/release")) {
    const std::string text = base::readFile(entry.path());
    parseRelease(text);
    // Every cut of a seed is another one.
    for (std::size_t length = 0; length < text.size(); ++length)
      parseRelease(std::string_view(text).substr(0, length));
    ++seeds;
  }
  EXPECT_GT(seeds, 0);
}

}  // namespace
}  // namespace builder::detail
