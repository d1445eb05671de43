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
      {"ada/elixir", Kind::git, "elixir", "https://github.com/ada/heroku-buildpack-elixir", ""},
      {"heroku-community/nginx#v2", Kind::git, "nginx", "https://github.com/heroku/heroku-buildpack-nginx",
       "v2"},
      {"ada/heroku-buildpack-zig", Kind::git, "heroku-buildpack-zig",
       "https://github.com/ada/heroku-buildpack-zig", ""},
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

TEST(BuildpackSource, ShowsUrlsWithoutSecrets) {
  EXPECT_EQ(withoutCredentials("https://user:secret@example.com/a/b.git?token=x"),
            "https://example.com/a/b.git");
  EXPECT_EQ(withoutCredentials("https://example.com/a@b/c"), "https://example.com/a@b/c");
  EXPECT_EQ(withoutCredentials("git://example.com"), "git://example.com");
  EXPECT_EQ(withoutCredentials(""), "");
}

TEST(BuildpackSource, RefusesTheRest) {
  for (const char* text :
       {"", "../x", ".hidden", "a b", "a/b/c", "a/../b", "a/b#-x", "file:///etc", "ssh://host/x",
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
