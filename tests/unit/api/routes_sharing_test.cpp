// Collaborators, domains, maintenance and drains over the API.
#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SharingTest : public ApiTest {
 protected:
  SharingTest() {
    accounts_.createUser("bob", store::Role::member);
    ask("POST", "/apps", R"({"name": "hello"})");
  }
  Answer asBob(const std::string& method, const std::string& path, const std::string& body = "") {
    return ask(method, path, body, {{"Authorization", "Bearer of bob"}});
  }
  static std::vector<std::string> permissionsIn(const Answer& answer) {
    std::vector<std::string> names;
    const auto list = answer.json()->getArray("permissions");
    for (unsigned i = 0; i < list->size(); ++i)
      names.push_back(base::jsonString(list->getObject(i), "name"));
    return names;
  }
};

TEST_F(SharingTest, ACollaboratorIsAddedChangedAndRemoved) {
  EXPECT_THAT(get("/apps/hello/collaborators").each("role"), ElementsAre("owner"));
  EXPECT_EQ(asBob("GET", "/apps/hello").status, 404);
  const Answer added = ask("POST", "/apps/hello/collaborators", R"({"user": "bob", "silent": true})");
  EXPECT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(added.at("user.email"), "bob");
  EXPECT_EQ(added.at("role"), "collaborator");
  EXPECT_THAT(permissionsIn(added), ElementsAre("view", "deploy", "operate"));
  EXPECT_EQ(asBob("PATCH", "/apps/hello/config-vars", R"({"A": "1"})").status, 200);
  EXPECT_EQ(asBob("POST", "/apps/hello/collaborators", R"({"user": "admin"})").status, 403);
  EXPECT_EQ(ask("POST", "/apps/hello/collaborators", R"({"user": "bob"})").status, 422) << "twice";
  EXPECT_EQ(ask("POST", "/apps/hello/collaborators", R"({"user": "ada"})").status, 422) << "the owner";
  EXPECT_EQ(ask("POST", "/apps/hello/collaborators", R"({"user": "nobody"})").status, 404);
  const Answer less = ask("PATCH", "/apps/hello/collaborators/bob", R"({"permissions": ["view", "deploy"]})");
  EXPECT_EQ(less.at("permission"), "deploy");
  EXPECT_EQ(get("/apps/hello/collaborators/" + added.at("id")).at("permission"), "deploy") << "by id";
  EXPECT_EQ(asBob("GET", "/apps/hello/config-vars").status, 403);
  EXPECT_THAT(ask("PATCH", "/apps/hello/collaborators/bob", R"({"permissions": ["all"]})").at("message"),
              HasSubstr("there are view, deploy, operate and manage"));
  EXPECT_EQ(get("/apps/hello/collaborators/ada").status, 404) << "the owner is none";
  EXPECT_EQ(ask("DELETE", "/apps/hello/collaborators/bob").status, 200);
  EXPECT_EQ(asBob("GET", "/apps/hello").status, 404);
}

TEST_F(SharingTest, AnAppIsServedAtItsDomains) {
  EXPECT_THAT(get("/apps/hello/domains").each("hostname"), ElementsAre("hello.localhost"));
  const Answer added =
      ask("POST", "/apps/hello/domains", R"({"hostname": "WWW.Example.com", "sni_endpoint": null})");
  EXPECT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(added.at("hostname"), "www.example.com");
  EXPECT_EQ(added.at("cname"), "hello.localhost");
  EXPECT_EQ(added.at("status"), "none");
  EXPECT_THAT(engine_.routesOf("hello").hosts, ElementsAre("www.example.com"));
  EXPECT_THAT(get("/apps/hello/domains").each("kind"), ElementsAre("heroku", "custom"));
  EXPECT_EQ(get("/apps/hello/domains/" + added.at("id")).at("hostname"), "www.example.com");
  ask("POST", "/apps", R"({"name": "other"})");
  EXPECT_EQ(ask("POST", "/apps/other/domains", R"({"hostname": "www.example.com"})").status, 422);
  EXPECT_EQ(ask("POST", "/apps/hello/domains", R"({"hostname": "x.localhost"})").status, 422);
  EXPECT_EQ(ask("POST", "/apps/hello/domains", R"({"hostname": "../x"})").status, 422);
  EXPECT_EQ(
      ask("POST", "/apps/hello/domains", R"({"hostname": "a.example.com", "sni_endpoint": "x"})").status,
      422);
  EXPECT_EQ(ask("DELETE", "/apps/hello/domains/hello.localhost").status, 404) << "that one stays";
  EXPECT_EQ(ask("DELETE", "/apps/hello/domains/www.example.com").status, 200);
  EXPECT_THAT(engine_.routesOf("hello").hosts, ElementsAre());
  EXPECT_EQ(get("/apps/hello/domains/www.example.com").status, 404);
}

TEST_F(SharingTest, MaintenanceIsSwitchedByWhoMayOperate) {
  ask("POST", "/apps/hello/collaborators", R"({"user": "bob"})");
  EXPECT_EQ(get("/apps/hello").at("maintenance"), "false");
  EXPECT_EQ(asBob("PATCH", "/apps/hello", R"({"maintenance": true})").at("maintenance"), "true");
  EXPECT_TRUE(engine_.routesOf("hello").maintenance);
  EXPECT_EQ(asBob("PATCH", "/apps/hello", R"({"maintenance": false, "name": "mine"})").status, 403)
      << "a name is the managers'";
  EXPECT_EQ(get("/apps/hello").at("maintenance"), "true") << "all of it or nothing";
  EXPECT_EQ(ask("PATCH", "/apps/hello", R"({"maintenance": "off"})").status, 422);
  EXPECT_EQ(ask("PATCH", "/apps/hello", R"({"maintenance": false})").at("maintenance"), "false");
  EXPECT_FALSE(engine_.routesOf("hello").maintenance);
}

TEST_F(SharingTest, DrainsAreAddedAndRemovedByUrlIdOrToken) {
  EXPECT_EQ(get("/apps/hello/log-drains").body, "[]");
  const Answer added =
      ask("POST", "/apps/hello/log-drains", R"({"url": "https://user:secret@logs.example.com/in"})");
  EXPECT_EQ(added.status, 201) << added.body;
  EXPECT_THAT(added.body, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(get("/apps/hello/log-drains/" + added.at("token")).at("id"), added.at("id"));
  EXPECT_EQ(
      ask("POST", "/apps/hello/log-drains", R"({"url": "https://user:secret@logs.example.com/in"})").status,
      422);
  EXPECT_EQ(ask("POST", "/apps/hello/log-drains", R"({"url": "gopher://x"})").status, 422);
  EXPECT_EQ(ask("DELETE", "/apps/hello/log-drains/https:%2F%2Fuser:secret@logs.example.com%2Fin").status,
            200);
  EXPECT_EQ(get("/apps/hello/log-drains/" + added.at("id")).status, 404);
}

}  // namespace
}  // namespace api
