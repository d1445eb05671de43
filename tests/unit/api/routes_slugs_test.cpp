// Slugs that clients make: announced, sent, released.
#include <gmock/gmock.h>

#include "base/gzip.h"
#include "tests/support/byte_streams.h"
#include "tests/support/raw_tar.h"
#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::RawTar;

class SlugsTest : public ApiTest {
 protected:
  SlugsTest() {
    putStack("debian-12", RawTar().add({.name = "bin/sh", .content = "x"}).bytes());
    accounts_.createUser("bob", store::Role::member);
    accounts_.createUser("eve", store::Role::member);
    store_.createApp({store::AppName::parse("hello"), "debian-12", "ada"});
    accounts_.addCollaborator(app().id, "bob", store::Permission::view);
  }

  static std::string tarball(const RawTar& tar = RawTar().add({.name = "./app/web", .content = "x"})) {
    testing_support::StringSink packed;
    base::GzipWriter gzip(packed);
    gzip.write(tar.bytes());
    gzip.finish();
    return packed.text;
  }
  Answer announce(const std::string& more = "") {
    return ask("POST", "/apps/hello/slugs", R"({"process_types": {"web": "./web"})" + more + "}");
  }
  /// With no token.
  Answer put(const std::string& url, const std::string& bytes) {
    return send("PUT", url.substr(url.find('/', url.find("://") + 3)), bytes, {});
  }
  static Headers as(const std::string& user) { return {{"Authorization", "Bearer of " + user}}; }
};

TEST_F(SlugsTest, AnnouncedSentAndReleased) {
  const Answer announced = announce(R"(, "commit": "1a2b", "buildpack_provided_description": "By hand")");
  ASSERT_EQ(announced.status, 201) << announced.body;
  EXPECT_EQ(announced.at("blob.method"), "put");
  EXPECT_EQ(announced.at("size"), "");
  EXPECT_EQ(announced.at("commit"), "1a2b");
  EXPECT_EQ(announced.at("stack.name"), "debian-12");
  const std::string id = announced.at("id");
  EXPECT_THAT(announced.at("blob.url"),
              StartsWith("http://" + server_->address() + "/apps/hello/slugs/" + id + "/blob?"));

  const Answer waiting = get("/apps/hello/slugs/" + id);
  EXPECT_EQ(waiting.at("blob.method"), "get") << "who may only look cannot fill it";
  EXPECT_EQ(get("/apps/hello/slugs/" + id + "/blob").status, 404);
  EXPECT_THAT(get("/apps/hello/slugs/" + id + "/blob").at("message"), HasSubstr("no content yet"));
  const Answer early = ask("POST", "/apps/hello/releases", R"({"slug": ")" + id + "\"}");
  EXPECT_EQ(early.status, 422);
  EXPECT_THAT(early.at("message"), HasSubstr("has no content yet: PUT the .tgz"));
  EXPECT_EQ(get("/apps/hello/slugs").body, "[]");

  const Answer sent = put(announced.at("blob.url"), tarball());
  EXPECT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(put(announced.at("blob.url"), tarball()).status, 409);
  const Answer slug = get("/apps/hello/slugs/" + id);
  EXPECT_EQ(slug.at("blob.method"), "get");
  EXPECT_NE(slug.at("size"), "");
  EXPECT_EQ(slug.at("process_types.web"), "./web");
  EXPECT_EQ(slug.at("buildpack_provided_description"), "By hand");
  EXPECT_THAT(get("/apps/hello/slugs").each("id"), ::testing::ElementsAre(id));

  const Answer released = ask("POST", "/apps/hello/releases", R"({"slug": ")" + id + "\"}");
  ASSERT_EQ(released.status, 201) << released.body;
  EXPECT_EQ(released.at("slug.id"), id);
  EXPECT_EQ(released.at("description"), "Deploy 1a2b");
  EXPECT_EQ(store_.getSlug(*store_.currentRelease(app().id).slug).uuid, id);
}

TEST_F(SlugsTest, WhoMayNotDeployMayNotSend) {
  const std::string body = R"({"process_types": {"web": "x"}})";
  EXPECT_EQ(send("POST", "/apps/hello/slugs", body, as("bob")).status, 403);
  EXPECT_EQ(send("POST", "/apps/hello/slugs", body, as("eve")).status, 404);
  EXPECT_EQ(send("POST", "/apps/hello/slugs", body, {}).status, 401);
  const Answer announced = announce();
  const std::string path = "/apps/hello/slugs/" + announced.at("id") + "/blob";
  EXPECT_EQ(send("PUT", path, tarball(), {}).status, 401);
  EXPECT_EQ(send("PUT", path, tarball(), as("bob")).status, 403);
  EXPECT_EQ(ask("PUT", path, tarball()).status, 403) << "a token is no signature";
  const std::string seen =
      send("GET", "/apps/hello/slugs/" + announced.at("id"), "", as("bob")).at("blob.url");
  EXPECT_EQ(put(seen, tarball()).status, 403) << "that is signed for reading";
  EXPECT_EQ(
      send("POST", "/apps/hello/releases", R"({"slug": ")" + announced.at("id") + "\"}", as("eve")).status,
      404);
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(put(announced.at("blob.url"), tarball()).status, 403);
  EXPECT_EQ(get("/apps/hello/slugs/" + announced.at("id")).status, 404);
}

TEST_F(SlugsTest, WhatIsRefusedIsSaidInTheApisForm) {
  EXPECT_EQ(ask("POST", "/apps/hello/slugs", "{}").status, 422);
  EXPECT_THAT(ask("POST", "/apps/hello/slugs", "{}").at("message"), HasSubstr("process_types"));
  EXPECT_EQ(announce(R"(, "stack": "nosuch")").status, 404);
  EXPECT_THAT(announce(R"(, "checksum": "x")").at("message"), HasSubstr("64 hex digits"));
  const Answer announced = announce();
  const Answer damaged = put(announced.at("blob.url"), "words");
  EXPECT_EQ(damaged.status, 422);
  EXPECT_EQ(damaged.at("id"), "invalid_params");
  EXPECT_THAT(damaged.at("message"), HasSubstr("the archive is damaged"));
  store_.changeSettings(app().id, {{"slug_max_bytes", "10"}});
  const Answer large = put(announced.at("blob.url"), tarball());
  EXPECT_EQ(large.status, 422);
  EXPECT_THAT(large.at("message"), HasSubstr("slug_max_bytes"));
  store_.changeSettings(app().id, {{"slug_max_bytes", std::nullopt}});
  EXPECT_EQ(put(announced.at("blob.url"), tarball()).status, 200) << "it could be sent again";
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(announce().status, 201);
  const Answer full = announce();
  EXPECT_EQ(full.status, 429);
  EXPECT_THAT(full.at("message"), HasSubstr("slug_uploads_max"));
}

}  // namespace
}  // namespace api
