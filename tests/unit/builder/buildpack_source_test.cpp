#include "builder/detail/buildpack_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace builder::detail {
namespace {

using Kind = BuildpackSource::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

BuildpackSource source(std::string_view text) {
  auto result = parseBuildpackSource(text);
  if (const auto* error = std::get_if<SourceError>(&result)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<BuildpackSource>(result);
}

struct Row {
  const char* text;
  Kind kind;
  const char* name;
  const char* url;
  const char* ref;
};

TEST(BuildpackSource, ReadsNamesAndUrls) {
  const std::vector<Row> table = {
      {" nodejs ", Kind::named, "nodejs", "", ""},
      {"heroku/nodejs", Kind::named, "nodejs", "", ""},
      {"https://example.com/x/heroku-buildpack-go.git#v1.2", Kind::git, "heroku-buildpack-go",
       "https://example.com/x/heroku-buildpack-go.git", "v1.2"},
      {"https://example.com/x/pack", Kind::git, "pack", "https://example.com/x/pack", ""},
      {"https://user:secret@example.com/pack.tgz?t=1", Kind::tarball, "pack",
       "https://user:secret@example.com/pack.tgz?t=1", ""},
      {"http://example.com/a.tar.gz", Kind::tarball, "a", "http://example.com/a.tar.gz", ""},
      {"https://user:secret@example.com", Kind::git, "buildpack", "https://user:secret@example.com", ""},
  };
  for (const auto& row : table) {
    const auto found = source(row.text);
    EXPECT_EQ(found.kind, row.kind) << row.text;
    EXPECT_EQ(found.name, row.name);
    EXPECT_EQ(found.url, row.url);
    EXPECT_EQ(found.ref, row.ref);
  }
}

TEST(BuildpackSource, RefusesTheRest) {
  for (const char* text : {"", "../x", ".hidden", "a b", "a/b", "file:///etc", "ssh://host/x",
                           "https://host/x#-upload", "https://host/x#a b", "https://host/\tx"}) {
    EXPECT_TRUE(std::holds_alternative<SourceError>(parseBuildpackSource(text))) << text;
  }
}

TEST(BuildpacksFile, SkipsBlankLinesAndComments) {
  EXPECT_THAT(parseBuildpacksFile("# first\r\nnodejs\r\n\n  https://h/x.git#r  \n"),
              ElementsAre("nodejs", "https://h/x.git#r"));
  EXPECT_TRUE(parseBuildpacksFile("\n# none\n").empty());
}

}  // namespace
}  // namespace builder::detail
