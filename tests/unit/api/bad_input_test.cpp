// What no client should send: each has its status and a sentence, and nothing is half made.
#include <future>

#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class BadInputTest : public ApiTest {
 protected:
  BadInputTest() { ask("POST", "/apps", R"({"name": "hello"})"); }
  /// Refused with one of these, in the API's form: an id and one line.
  void expectRefused(const Answer& answer, const std::string& what, const std::vector<int>& statuses) {
    SCOPED_TRACE(what.substr(0, 200) + " -> " + std::to_string(answer.status) + " " + answer.body);
    EXPECT_THAT(statuses, ::testing::Contains(answer.status));
    const std::string message = answer.at("message");
    EXPECT_FALSE(answer.at("id").empty());
    EXPECT_FALSE(message.empty());
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), 1000u) << "nothing long is said back";
  }
  std::size_t rowsOfApps() { return store_.apps().size(); }
};

TEST_F(BadInputTest, NoRouteTakesAMemberThatItDoesNotKnow) {
  for (const Route& route : rest_.routes()) {
    if (!route.body || route.body->kind != Shape::Kind::object) continue;
    const std::string path = filled(route.path, "none", "none");
    const Answer answer = ask(route.method, path, R"({"nosuch": 1})");
    expectRefused(answer, route.method + " " + path, {422});
    EXPECT_THAT(answer.at("message"), HasSubstr("nosuch"));
  }
}

TEST_F(BadInputTest, NoRouteTakesAMemberOfAnotherType) {
  for (const Route& route : rest_.routes()) {
    if (!route.body || route.body->kind != Shape::Kind::object) continue;
    const std::string path = filled(route.path, "none", "none");
    for (const Member& member : route.body->members) {
      if (member.shape.kind == Shape::Kind::any) continue;
      for (const std::string wrong : {"[[1]]", "{\"a\": {\"b\": [null]}}", "1.5", "\"\\u0000\""}) {
        const bool fits = wrong[0] == '"' && member.shape.kind == Shape::Kind::text;
        if (fits || (wrong[0] == '{' && member.shape.kind == Shape::Kind::map)) continue;
        expectRefused(ask(route.method, path, "{\"" + member.name + "\": " + wrong + "}"),
                      route.method + " " + path + " " + member.name + " " + wrong, {422});
      }
    }
    for (const std::string body : {"[]", "null", "\"x\"", "{", "{}{}", "{\"a\": 1,}", "\xff\xfe"})
      expectRefused(ask(route.method, path, body), route.method + " " + path + " " + body, {422});
  }
  EXPECT_EQ(rowsOfApps(), 1u);
}

TEST_F(BadInputTest, NamesThatAreNone) {
  const std::vector<std::string> names{"../x",
                                       "..",
                                       ".",
                                       "a/b",
                                       "a\\\\b",
                                       "h\u0435llo",
                                       "hel\u200blo",
                                       "\uff48ello",
                                       "HELLO",
                                       "-a",
                                       "a b",
                                       "a\\u0000b",
                                       "a\\nb",
                                       "a;b",
                                       "%2e%2e",
                                       "hello.git",
                                       "\U0001F600",
                                       "xn--",
                                       std::string(64, 'a'),
                                       std::string(900'000, 'a')};
  for (const std::string& name : names) {
    expectRefused(ask("POST", "/apps", "{\"name\": \"" + name + "\"}"), "POST " + name, {422});
    expectRefused(ask("PATCH", "/apps/hello", "{\"name\": \"" + name + "\"}"), "PATCH " + name, {422});
    expectRefused(ask("POST", "/apps/hello/domains", "{\"hostname\": \"" + name + "..x\"}"), "host " + name,
                  {422});
  }
  expectRefused(ask("POST", "/apps", "{\"name\": \"" + std::string(1u << 20, 'a') + "\"}"), "1 MiB", {422});
  EXPECT_EQ(rowsOfApps(), 1u);
  std::vector<std::filesystem::path> repositories;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.repositories()))
    repositories.push_back(entry.path());
  EXPECT_THAT(repositories, SizeIs(1));
}

TEST_F(BadInputTest, PathsThatLeadNowhere) {
  for (const std::string path :
       {"/apps/..%2f..%2fetc", "/apps/%2e%2e/config-vars", "/apps/hello%00", "/apps/h%D0%B5llo",
        "/apps/HELLO", "/apps/hello/../../etc/passwd", "/apps/hello/releases/v-1",
        "/apps/hello/releases/99999999999999999999", "/apps/hello/releases/v1%2f..",
        "/apps/hello/slugs/..%2f..", "/apps/hello/releases/..%2fx/output", "/apps/hello/domains/..%2f..",
        "/apps/hello/log-drains/..%2f..", "/apps/hello/collaborators/..%2f..", "/apps/hello/dynos/..%2f..",
        "/apps/%", "/apps/%zz"})
    expectRefused(get(path), path, {404, 422});
}

TEST_F(BadInputTest, OneNameIsMadeOnce) {
  constexpr int kClients = 8;
  std::vector<std::future<Answer>> all;
  for (int i = 0; i < kClients; ++i)
    all.push_back(std::async(std::launch::async, [&] {
      return send("POST", "/apps", R"({"name": "wanted"})", {{"Authorization", "Bearer good"}});
    }));
  int made = 0;
  for (auto& each : all) {
    const Answer answer = each.get();
    if (answer.status == 201)
      ++made;
    else
      expectRefused(answer, "the name is taken", {422});
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(get("/apps/wanted/releases").each("version").size(), 1u);
  EXPECT_TRUE(std::filesystem::is_directory(folder_.repository(store::AppName::parse("wanted")) / "objects"));
}

TEST_F(BadInputTest, ATokenInAUrlOpensNothing) {
  for (const std::string path :
       {"/apps?token=good", "/apps?access_token=good", "/apps?Authorization=Bearer%20good",
        "/apps/hello?signature=good&expires=99999999999"})
    EXPECT_EQ(send("GET", path, "", {}).status, 401) << path;
  EXPECT_EQ(
      send("GET", "/apps/hello/releases/1/output?expires=99999999999&signature=good", "", {}).status / 100,
      4);
}

}  // namespace
}  // namespace api
