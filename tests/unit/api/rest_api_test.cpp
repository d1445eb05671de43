#include "api/rest_api.h"

#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ApiTest, UnknownPathsAndMethodsAreAnsweredInTheApisForm) {
  const Answer unknown = send("GET", "/no/such/path", "", {});
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.at("id"), "not_found");
  EXPECT_THAT(unknown.headers.at("Request-Id"), ::testing::SizeIs(36));
  const Answer method = ask("PUT", "/apps/hello/config-vars", "{}");
  EXPECT_EQ(method.status, 404);
  EXPECT_EQ(method.headers.at("Allow"), "GET, PATCH");
  EXPECT_THAT(method.at("message"), HasSubstr("use GET, PATCH"));
  for (const std::string path :
       {"/apps/../etc", "/apps/%2e%2e", "/apps/%00", "/apps/%zz", "/apps//x//y", "/apps/h%C3%A9llo"})
    EXPECT_EQ(get(path).status, 404) << path;
  EXPECT_EQ(get("/apps/" + std::string(6000, 'x')).status, 404);
}

TEST_F(ApiTest, NothingGoesWithoutAToken) {
  for (const Route& route : rest_.routes())
    EXPECT_EQ(send(route.method, route.path, "", {}).status, 401) << route.method << " " << route.path;
}

TEST_F(ApiTest, RequestIdsArePassedThrough) {
  EXPECT_EQ(get("/account", {{"Request-Id", "mine-1"}}).headers.at("Request-Id"), "mine-1");
}

TEST_F(ApiTest, AnUnchangedAnswerIsNotSentAgain) {
  const Answer first = get("/account");
  const Answer again = get("/account", {{"If-None-Match", first.headers.at("ETag")}});
  EXPECT_EQ(again.status, 304);
  EXPECT_THAT(again.body, IsEmpty());
  EXPECT_EQ(get("/account", {{"If-None-Match", "\"other\""}}).status, 200);
  const Answer head = send("HEAD", "/account", "", {{"Authorization", "Bearer good"}});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("ETag"), first.headers.at("ETag"));
  EXPECT_THAT(head.body, IsEmpty());
}

TEST_F(ApiTest, ATokenHasItsRequestsOfTheHour) {
  const std::uint64_t left = std::stoull(get("/account").headers.at("RateLimit-Remaining"));
  EXPECT_EQ(left, 999u);
  RateLimiter limiter(2, clock_);
  EXPECT_EQ(limiter.take("a"), 1u);
  EXPECT_EQ(limiter.take("a"), 0u);
  EXPECT_THROW(limiter.take("a"), base::Error);
  EXPECT_EQ(limiter.take("b"), 1u) << "another token";
  clock_.advance(std::chrono::minutes(31));
  EXPECT_EQ(limiter.take("a"), 0u) << "half of two came back";
  clock_.advance(std::chrono::hours(100));
  EXPECT_EQ(limiter.take("a"), 1u) << "and no more than two";
}

TEST_F(ApiTest, BodiesAreHeldAgainstTheirShape) {
  EXPECT_THAT(ask("POST", "/apps", R"({"nam": "x"})").at("message"),
              HasSubstr("unknown member nam: it takes name, stack, region"));
  const Answer wrong = ask("POST", "/apps", R"({"name": 7})");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(wrong.at("id"), "invalid_params");
  EXPECT_EQ(wrong.at("message"), "name must be a string or null");
  EXPECT_THAT(ask("POST", "/apps", "[]").at("message"), HasSubstr("is not a JSON object"));
  EXPECT_THAT(ask("POST", "/apps", "{").at("message"), HasSubstr("is not valid JSON"));
  EXPECT_EQ(ask("POST", "/apps", "{\"name\": \"" + std::string(2u << 20, 'x') + "\"}").status, 422);
  EXPECT_THAT(ask("POST", "/account/keys", "{}").at("message"), HasSubstr("lacks public_key"));
}

TEST_F(ApiTest, TheDocumentHasEveryRoute) {
  const Answer document = send("GET", "/openapi.json", "", {});
  ASSERT_EQ(document.status, 200);
  const auto paths = document.json()->getObject("paths");
  for (const Route& route : rest_.routes()) {
    ASSERT_TRUE(paths->has(route.path)) << route.path;
    std::string method;
    for (const char c : route.method)
      method += static_cast<char>(std::tolower(c));
    EXPECT_TRUE(paths->getObject(route.path)->has(method)) << route.method << " " << route.path;
  }
  EXPECT_EQ(document.json()->get("openapi").convert<std::string>(), "3.0.3");
}

/// Asks each of them once; ask() holds what comes against what is declared.
TEST_F(ApiTest, EveryRouteAnswersWhatItDeclares) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const store::Slug slug = deploy();
  const std::string key =
      ask("POST", "/account/keys",
          R"({"public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1DmYKdDSrAd0+eSdSxUgdpRIkWyKjo6GGIwDCXhtEP me"})")
          .at("id");
  ask("PATCH", "/apps/hello/config-vars", R"({"FOO": "bar"})");
  ask("POST", "/apps/hello/releases", R"({"release": "v2"})");
  ask("PATCH", "/apps/hello", "{}");
  ask("PATCH", "/apps/hello/formation", R"({"updates": []})");
  ask("PATCH", "/apps/hello/formation/web", "{}");
  ask("POST", "/apps/hello/log-sessions", "{}");
  ask("PUT", "/apps/hello/buildpack-installations", R"({"updates": []})");
  ask("PATCH", "/apps/hello/features/cancel-running", R"({"enabled": true})");
  accounts_.createUser("bob", store::Role::member);
  ask("POST", "/apps/hello/collaborators", R"({"user": "bob"})");
  ask("PATCH", "/apps/hello/collaborators/bob", R"({"permissions": ["view"]})");
  ask("POST", "/apps/hello/domains", R"({"hostname": "www.example.com"})");
  ask("POST", "/apps/hello/log-drains", R"({"url": "https://logs.example.com/"})");
  ask("POST", "/sources");
  ask("POST", "/apps/hello/sources");
  ask("POST", "/apps/hello/slugs", R"({"process_types": {"web": "serve"}})");
  ask("POST", "/apps/hello/builds", R"({"source_blob": {"url": "https://example.com/x.tgz"}})");
  ask("POST", "/apps/hello/dynos", R"({"command": "ls"})");
  ask("POST", "/apps/hello/dynos/run.1/actions/stop");
  ask("POST", "/apps/hello/formations/web/actions/stop");
  std::vector<const Route*> last;
  for (const Route& route : rest_.routes()) {
    if (route.method == "DELETE") {
      last.push_back(&route);
      continue;
    }
    if (route.method == "GET") get(filled(route.path, key, slug.uuid));
  }
  for (auto route = last.rbegin(); route != last.rend(); ++route)
    if ((*route)->path != "/apps/{app}") ask("DELETE", filled((*route)->path, key, slug.uuid));
  ask("DELETE", "/apps/hello");
  for (const Route& route : rest_.routes()) {
    if (route.answer.kind == Shape::Kind::any) continue;  // no JSON
    EXPECT_EQ(used_[route.method + " " + route.path], route.status) << route.method << " " << route.path;
  }
}

}  // namespace
}  // namespace api
