#include "controller/source_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "controller/source_tree.h"

namespace controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TarballRequest read(const std::string& json) {
  return readBuildRequest(base::parseJsonObject(json, "the request"));
}

std::string refusalOf(const std::string& json) {
  try {
    read(json);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "none";
}

TEST(BuildRequest, HasTheApisWords) {
  const TarballRequest request = read(
      R"({"source_blob": {"url": "https://example.com/x.tgz", "checksum": "SHA256:)" + std::string(64, 'A') +
      R"(", "version": "v1.3.0", "version_description": "Fix"},
          "buildpacks": [{"url": "https://example.com/b.git#main"}, {"name": "heroku/ruby"},
                         {"url": "urn:buildpack:heroku/nodejs"}], "later": 1})");
  EXPECT_EQ(request.url, "https://example.com/x.tgz");
  EXPECT_EQ(request.checksum->hex(), std::string(64, 'a'));
  EXPECT_EQ(request.version, "v1.3.0");
  EXPECT_EQ(request.description, "Fix");
  EXPECT_THAT(request.options, ElementsAre("buildpack=https://example.com/b.git#main",
                                           "buildpack=heroku/ruby", "buildpack=heroku/nodejs"));
  const TarballRequest least = read(R"({"source_blob": {"url": "u", "checksum": null, "version": null},
                                        "buildpacks": null})");
  EXPECT_FALSE(least.checksum);
  EXPECT_EQ(least.version + least.description, "");
}

TEST(BuildRequest, IsRefusedInOneSentence) {
  EXPECT_THAT(refusalOf("{}"), HasSubstr("\"source_blob\" is missing"));
  EXPECT_THAT(refusalOf(R"({"source_blob": "x"})"), HasSubstr("\"source_blob\" is missing"));
  EXPECT_THAT(refusalOf(R"({"source_blob": {}})"), HasSubstr("no \"url\""));
  EXPECT_NE(refusalOf(R"({"source_blob": {"url": 1}})"), "none");
  EXPECT_THAT(refusalOf(R"({"source_blob": {"url": "u", "checksum": "md5:1"}})"), HasSubstr("md5:1"));
  EXPECT_THAT(refusalOf(R"({"source_blob": {"url": "u", "version": "a\nb"}})"),
              HasSubstr("cannot be printed"));
  EXPECT_THAT(refusalOf(R"({"source_blob": {"url": "u", "version": ")" + std::string(201, 'x') + "\"}}"),
              HasSubstr("longer than 200 bytes"));
  EXPECT_NE(refusalOf(R"({"source_blob": {"url": "u"}, "buildpacks": [1]})"), "none");
  EXPECT_NE(refusalOf(R"({"source_blob": {"url": "u"}, "buildpacks": [{}]})"), "none");
  EXPECT_NE(refusalOf(R"({"source_blob": {"url": "u"}, "buildpacks": [{"url": "../x"}]})"), "none");
  EXPECT_NE(refusalOf(R"({"source_blob": {"url": "u"}, "buildpacks": {}})"), "none");
}

TEST(SourceTree, StoresUrlsWithoutSecrets) {
  EXPECT_EQ(withoutSecrets("https://user:secret@example.com/a@b/x.tgz?token=1#f"),
            "https://example.com/a@b/x.tgz");
  EXPECT_EQ(withoutSecrets("https://example.com"), "https://example.com");
  EXPECT_EQ(withoutSecrets("https://a:b@example.com"), "https://example.com");
  EXPECT_EQ(withoutSecrets("/sources/1?signature=2"), "/sources/1");
}

TEST(SourceTree, KnowsCommits) {
  EXPECT_TRUE(isCommitId(std::string(40, 'a')));
  EXPECT_TRUE(isCommitId(std::string(64, '0')));
  EXPECT_FALSE(isCommitId("v1.3.0"));
  EXPECT_FALSE(isCommitId(std::string(40, 'g')));
  EXPECT_FALSE(isCommitId(""));
}

}  // namespace
}  // namespace controller
