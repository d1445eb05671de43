// What the routes do.
#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ApiTest, AppsAreMadeListedAndRemoved) {
  const Answer made = ask("POST", "/apps", R"({"name": "hello", "region": "us"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.at("owner.email"), "ada");
  EXPECT_EQ(made.at("git_url"), "ssh://git@localhost:2222/hello.git");
  EXPECT_TRUE(std::filesystem::is_directory(folder_.repository(store::AppName::parse("hello"))));
  EXPECT_EQ(ask("POST", "/apps").status, 201) << "a name is found";
  const Answer taken = ask("POST", "/apps", R"({"name": "hello"})");
  EXPECT_EQ(taken.status, 422);
  EXPECT_EQ(taken.at("id"), "invalid_params");
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "../x"})").status, 422);
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "h\u0435llo"})").status, 422) << "Cyrillic";
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "x", "stack": "nosuch"})").status, 404);
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "x", "region": "mars"})").status, 422);
  EXPECT_THAT(get("/apps").each("name"), ::testing::Contains("hello"));
  EXPECT_EQ(get("/users/~/apps").each("name").size(), 2u);
  EXPECT_EQ(get("/apps/" + made.at("id")).at("name"), "hello") << "by id";
  EXPECT_EQ(ask("DELETE", "/apps/hello").at("name"), "hello");
  EXPECT_EQ(get("/apps/hello").status, 404);
  EXPECT_EQ(get("/apps/hello/releases").status, 404);
}

TEST_F(ApiTest, AChangeOfConfigVarsIsOneRelease) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const Answer set = ask("PATCH", "/apps/hello/config-vars", R"({"A": "1", "B": "zwei ä", "C": ""})");
  EXPECT_EQ(set.status, 200);
  EXPECT_EQ(set.at("B"), "zwei ä");
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 2);
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", R"({"A": null, "B": "2", "NOSUCH": null})").body,
            R"({"B":"2","C":""})");
  EXPECT_EQ(get("/apps/hello/releases/3").at("description"), "Set B and unset A, NOSUCH config vars");
  EXPECT_EQ(get("/apps/hello/releases/v2/config-vars").at("A"), "1");
  ask("PATCH", "/apps/hello/config-vars", R"({"B": "2"})");
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 3) << "nothing changed";
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", R"({"A-B": "1"})").status, 422);
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", R"({"A": 1})").at("message"),
            "A must be a string or null");
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", "{\"A\": \"" + std::string(100'000, 'x') + "\"}").status,
            422);
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 3);
}

TEST_F(ApiTest, ReleasesComeInPages) {
  ask("POST", "/apps", R"({"name": "hello"})");
  for (int i = 0; i < 11; ++i)
    ask("PATCH", "/apps/hello/config-vars", "{\"N\": \"" + std::to_string(i) + "\"}");
  EXPECT_EQ(get("/apps/hello/releases").each("version").size(), 12u);
  const Answer newest = get("/apps/hello/releases", {{"Range", "version ..; max=3, order=desc"}});
  EXPECT_EQ(newest.status, 206);
  EXPECT_THAT(newest.each("version"), ElementsAre("12", "11", "10"));
  EXPECT_THAT(newest.each("current"), ElementsAre("true", "false", "false"));
  EXPECT_EQ(newest.headers.at("Content-Range"), "version 12..10; max=3, order=desc");
  EXPECT_EQ(newest.headers.at("Next-Range"), "version ]10..; max=3, order=desc");
  EXPECT_EQ(newest.headers.at("Accept-Ranges"), "version, id");
  const Answer next = get("/apps/hello/releases", {{"Range", newest.headers.at("Next-Range")}});
  EXPECT_THAT(next.each("version"), ElementsAre("9", "8", "7"));
  const Answer last = get("/apps/hello/releases", {{"Range", "version ]3..; max=3,order=desc"}});
  EXPECT_EQ(last.status, 200);
  EXPECT_THAT(last.each("version"), ElementsAre("2", "1"));
  EXPECT_THAT(get("/apps/hello/releases", {{"Range", "version 3..5"}}).each("version"),
              ElementsAre("3", "4", "5"));
  EXPECT_EQ(get("/apps/hello/releases", {{"Range", "id ..; max=5"}}).each("version").size(), 5u);
  for (const std::string bad : {"version", "nosuch ..", "version ..; max=0", "version ..; max=x",
                                "version 1-2", "version ..; order=up", "version ..; what=1"}) {
    const Answer refused = get("/apps/hello/releases", {{"Range", bad}});
    EXPECT_EQ(refused.status, bad == "version" ? 200 : 422) << bad;
  }
}

TEST_F(ApiTest, RollingBackAppendsARelease) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const store::Slug slug = deploy();
  ask("PATCH", "/apps/hello/config-vars", R"({"A": "1"})");
  const Answer back = ask("POST", "/apps/hello/releases",
                          "{\"release\": \"" + get("/apps/hello/releases/2").at("id") + "\"}");
  EXPECT_EQ(back.status, 201) << back.body;
  EXPECT_EQ(back.at("version"), "4");
  EXPECT_EQ(back.at("slug.id"), slug.uuid);
  EXPECT_EQ(back.at("eligible_for_rollback"), "true");
  EXPECT_EQ(get("/apps/hello/config-vars").body, "{}");
  EXPECT_EQ(ask("POST", "/apps/hello/releases", R"({"release": "v1"})").status, 422) << "no slug";
  EXPECT_EQ(ask("POST", "/apps/hello/releases", R"({"release": "v77"})").status, 404);
  engine_.failNext({"web.1", "exited with status 1", {}});
  const Answer failed = ask("PATCH", "/apps/hello/config-vars", R"({"A": "2"})");
  EXPECT_EQ(failed.status, 409);
  EXPECT_THAT(failed.at("message"), HasSubstr("release v5 failed: web.1 exited with status 1"));
  EXPECT_EQ(get("/apps/hello/releases/5").at("status"), "failed");
  EXPECT_EQ(get("/apps/hello/config-vars").body, "{}");
}

TEST_F(ApiTest, ASlugIsDownloadedByItsSignedUrl) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const store::Slug slug = deploy();
  const Answer shown = get("/apps/hello/slugs/" + slug.uuid);
  EXPECT_EQ(shown.at("checksum"), "SHA256:" + base::Digest::of(layerBytes_).hex());
  EXPECT_EQ(shown.at("size"), std::to_string(layerBytes_.size()));
  std::string url = shown.at("blob.url");
  ASSERT_THAT(url, StartsWith("http://"));
  url = url.substr(url.find('/', 7));
  const Answer whole = send("GET", url, "", {});
  EXPECT_EQ(whole.body, layerBytes_);
  EXPECT_EQ(whole.headers.at("ETag"), "\"" + base::Digest::of(layerBytes_).str() + "\"");
  EXPECT_EQ(send("GET", url, "", {{"Range", "bytes=4-8"}}).body, "bytes");
  EXPECT_EQ(send("HEAD", url, "", {}).headers.at("Content-Length"), std::to_string(layerBytes_.size()));
  EXPECT_EQ(send("GET", url + "0", "", {}).status, 403);
  EXPECT_EQ(send("GET", url.substr(0, url.find('?')), "", {}).status, 401);
  EXPECT_EQ(get(url.substr(0, url.find('?'))).body, layerBytes_) << "with a token";
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(send("GET", url, "", {}).at("id"), "forbidden");
  EXPECT_EQ(get("/apps/hello/slugs/nosuch").status, 404);
  ask("POST", "/apps", R"({"name": "other"})");
  EXPECT_EQ(get("/apps/other/slugs/" + slug.uuid).status, 404) << "of another app";
}

}  // namespace
}  // namespace api
