// Builds of tarballs over the API, asked by curl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "tests/support/raw_tar.h"
#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::RawTar;

class BuildsTest : public ApiTest {
 protected:
  BuildsTest() {
    putStack("debian-12", RawTar().add({.name = "bin/sh", .content = "x"}).bytes());
    store_.createApp({store::AppName::parse("hello"), "debian-12", "ada"});
    store_.setBuildpacks(app().id, {"procfile"});
  }

  /// Paths, or URLs that the API gave.
  Answer curl(const std::string& url, const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv{"curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}"};
    argv.insert(argv.end(), more.begin(), more.end());
    const auto host = url.find("://");
    argv.push_back("http://" + server_->address() +
                   (host == std::string::npos ? url : url.substr(url.find('/', host + 3))));
    const std::string text = base::mustRun(argv, {.maxOutputBytes = 1u << 20});
    const auto line = text.rfind('\n');
    Answer answer;
    answer.status = std::stoi(text.substr(line + 1));
    answer.body = text.substr(0, line);
    return answer;
  }
  Answer asAda(const std::string& url, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-H", "Authorization: Bearer good"});
    return curl(url, more);
  }
  Answer post(const std::string& path, const std::string& json) {
    return asAda(path, {"-X", "POST", "-d", json});
  }

  /// The URL by which a build reads what was uploaded.
  std::string upload(const std::string& tar) {
    const Answer source = post("/sources", "");
    const std::filesystem::path file = temp_.write("upload.tar", tar);
    EXPECT_EQ(curl(source.at("source_blob.put_url"), {"-T", file.string()}).status, 200);
    return source.at("source_blob.get_url");
  }
  Answer build(const std::string& tar, const std::string& more = "") {
    return post("/apps/hello/builds", R"({"source_blob": {"url": ")" + upload(tar) + "\"" + more + "}}");
  }
  /// The build's state when it has ended.
  Answer ended(const Answer& build) {
    const std::string id = build.at("id");
    curl(build.at("output_stream_url"));  // ends with the build
    const std::int64_t row = store_.findBuild(app().id, id)->id;
    while (deployer_.find(row))
      std::this_thread::yield();
    return asAda("/apps/hello/builds/" + id);
  }

  static RawTar goodTar() { return RawTar().add({.name = "hello-1/Procfile", .content = "web: serve\n"}); }
};

TEST_F(BuildsTest, ATarballBecomesARelease) {
  const std::string url = upload(goodTar().bytes());
  EXPECT_THAT(url, StartsWith("http://" + server_->address() + "/sources/"));
  const std::string sum = base::Digest::of(goodTar().bytes()).hex();
  const Answer created = post("/apps/" + app().uuid + "/builds",
                              R"({"source_blob": {"url": ")" + url + R"(", "checksum": "SHA256:)" + sum +
                                  R"(", "version": "v1.3.0", "version_description": "Fix"}})");
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.at("status"), "pending");
  EXPECT_EQ(created.at("app.id"), app().uuid);
  EXPECT_EQ(created.at("user.email"), "ada");
  EXPECT_THAT(created.at("user.id"), ::testing::SizeIs(36));
  EXPECT_EQ(created.at("stack"), "debian-12");
  const Answer done = ended(created);
  EXPECT_EQ(done.at("status"), "succeeded") << curl(created.at("output_stream_url")).body;
  EXPECT_EQ(done.at("source_blob.version"), "v1.3.0");
  EXPECT_EQ(done.at("source_blob.version_description"), "Fix");
  EXPECT_EQ(done.at("source_blob.checksum"), "SHA256:" + sum);
  EXPECT_EQ(done.at("source_blob.url"), url.substr(0, url.find('?'))) << "no signature is kept";
  const store::Release release = store_.currentRelease(app().id);
  EXPECT_EQ(release.version.number, 2);
  EXPECT_EQ(release.description, "Deploy v1.3.0");
  EXPECT_EQ(done.at("release.id"), release.uuid);
  EXPECT_EQ(done.at("slug.id"), store_.getSlug(*release.slug).uuid);
  EXPECT_EQ(store_.getSlug(*release.slug).processTypes, (store::ProcessTypes{{"web", "serve"}}))
      << "the one folder at the top is the source";
  EXPECT_EQ(store_.deployedCommit(app().id), std::nullopt) << "no git ref says so";
  const std::string output = curl(created.at("output_stream_url")).body;
  EXPECT_THAT(output, HasSubstr("-----> Discovering process types"));
  EXPECT_THAT(output, HasSubstr("Released v2"));
  EXPECT_EQ(asAda("/apps/hello/builds/1").at("id"), done.at("id")) << "by number";
  EXPECT_THAT(asAda("/apps/hello/builds").body, HasSubstr(done.at("id")));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.builds()) ||
              std::filesystem::exists(folder_.builds() / ".trash"));
}

TEST_F(BuildsTest, SignedUrlsNeedNoTokenAndNothingElseGoesWithoutOne) {
  const std::string id(36, '0');
  for (const std::string path : {"/sources", "/apps/hello/sources", "/apps/hello/builds"})
    EXPECT_EQ(curl(path, {"-X", "POST", "-d", "{}"}).status, 401) << path;
  for (const std::string path : {"/apps/hello/builds", "/apps/hello/builds/1", "/apps/hello/builds/1/output"})
    EXPECT_EQ(curl(path).status, 401) << path;
  EXPECT_EQ(curl("/sources/" + id).status, 401);
  EXPECT_EQ(asAda("/sources/" + id).status, 403) << "a token is no signature";
  EXPECT_EQ(curl("/sources/" + id + "?expires=1&signature=2", {"-T", "/etc/hostname"}).status, 403);
  EXPECT_EQ(curl("/apps/hello/builds/1/output?expires=9999999999&signature=2").status, 403);
  EXPECT_EQ(curl("/sources", {"-X", "POST"}).at("id"), "unauthorized");
  const std::string url = upload("bytes");
  EXPECT_EQ(curl(url).body, "bytes");
  EXPECT_EQ(curl(url, {"-r", "1-2"}).body, "yt");
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(curl(url).at("id"), "forbidden");
}

TEST_F(BuildsTest, BadRequestsAreAnsweredInTheApisForm) {
  EXPECT_EQ(asAda("/apps/nosuch/builds").status, 404);
  EXPECT_EQ(asAda("/apps/hello/builds/7").at("id"), "not_found");
  EXPECT_EQ(asAda("/apps/hello/builds/x").status, 404);
  EXPECT_EQ(asAda("/apps/hello/builds/1/nothing").status, 404);
  EXPECT_EQ(asAda("/apps/hello/builds", {"-X", "DELETE"}).status, 404);
  EXPECT_EQ(post("/sources/more/still", "").status, 404);
  EXPECT_EQ(post("/apps/hello/builds", "nonsense").status, 422);
  EXPECT_EQ(post("/apps/hello/builds", "{}").at("id"), "invalid_params");
  EXPECT_THAT(post("/apps/hello/builds", R"({"source_blob": {"url": "http://127.0.0.1/x"}})").at("message"),
              HasSubstr("https://"));
  const std::string empty = post("/sources", "").at("source_blob.get_url");
  EXPECT_THAT(post("/apps/hello/builds", R"({"source_blob": {"url": ")" + empty + "\"}}").at("message"),
              HasSubstr("nothing was uploaded"));
  const std::string large = temp_.write("large", std::string((1u << 20) + 1, 'x')).string();
  const Answer tooLarge = curl(post("/sources", "").at("source_blob.put_url"), {"-T", large});
  EXPECT_EQ(tooLarge.status, 422);
  EXPECT_THAT(tooLarge.at("message"), HasSubstr("source_max_bytes"));
  EXPECT_EQ(
      curl(post("/sources", "").at("source_blob.put_url"), {"-T", "-", "-H", "Transfer-Encoding: chunked"})
          .status,
      200);
  EXPECT_TRUE(store_.builds(app().id, 10).empty());
}

TEST_F(BuildsTest, WhatIsRefusedFailsTheBuildInOneSentence) {
  const Answer escaping = ended(build(goodTar().add({.name = "../x", .content = "x"}).bytes()));
  EXPECT_EQ(escaping.at("status"), "failed");
  EXPECT_THAT(escaping.at("failure"), HasSubstr("leads out of it, ../x"));
  const Answer other =
      ended(build(goodTar().bytes(), R"(, "checksum": "SHA256:)" + std::string(64, '0') + "\""));
  EXPECT_THAT(other.at("failure"), HasSubstr("not the one that was given"));
  const Answer large = ended(build(goodTar().pax("size", "8589934592").add({.name = "x"}).bytes()));
  EXPECT_THAT(large.at("failure"), HasSubstr("export_max_bytes"));
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 1);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.builds()))
    EXPECT_EQ(entry.path().filename(), ".trash");
}

TEST_F(BuildsTest, AnHttpsSourceIsFetchedInAContainer) {
  std::optional<sandbox::ContainerSpec> fetch;
  runtime_.onRun([&](const sandbox::ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
    if (spec.argv.at(3) == "source") {
      fetch = spec;
      for (const auto& mount : spec.mounts) {
        if (mount.target != "/tmp") continue;
        const std::filesystem::path made = temp_.write("made.tar", goodTar().bytes());
        std::filesystem::copy_file(made, mount.source / "source.tar");
      }
    }
    sandbox::RunResult result;
    result.end = sandbox::RunResult::End::exited;
    return result;
  });
  const Answer created = post("/apps/hello/builds",
                              R"({"source_blob": {"url": "https://me:secret@example.com/x.tgz?token=1"}})");
  ASSERT_EQ(created.status, 201) << created.body;
  const Answer done = ended(created);
  EXPECT_EQ(done.at("status"), "succeeded") << done.body << curl(created.at("output_stream_url")).body;
  EXPECT_EQ(done.at("source_blob.url"), "https://example.com/x.tgz");
  ASSERT_TRUE(fetch);
  EXPECT_THAT(fetch->argv, ::testing::Contains("https://me:secret@example.com/x.tgz?token=1"));
  const std::string output = curl(created.at("output_stream_url")).body;
  EXPECT_THAT(output, HasSubstr("-----> Fetching the source from https://example.com/x.tgz\n"));
  EXPECT_THAT(output, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace api
