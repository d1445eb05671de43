// Every route as everybody: what a route lets in is what it names, and none may forget to.
#include <gmock/gmock.h>

#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using controller::Action;
using store::Permission;
using store::Role;

class RouteAccessTest : public ApiTest {
 protected:
  RouteAccessTest() {
    accounts_.createUser("owner", Role::member);
    for (const char* user : {"stranger", "viewer", "deployer", "operator", "manager"})
      accounts_.createUser(user, Role::member);
    const auto hello = store_.createApp({store::AppName::parse("hello"), "debian-12", "owner"}).id;
    accounts_.addCollaborator(hello, "viewer", Permission::view);
    accounts_.addCollaborator(hello, "deployer", Permission::deploy);
    accounts_.addCollaborator(hello, "operator", Permission::operate);
    accounts_.addCollaborator(hello, "manager", Permission::manage);
  }

  int statusAs(const std::string& user, const Route& route) {
    Headers headers;
    if (!user.empty()) headers["Authorization"] = "Bearer of " + user;
    return send(route.method, filled(route.path, "none", "none"), "{\"wrong\":", headers).status;
  }
};

bool isAboutOneApp(const Route& route) {
  return route.path.starts_with("/apps/{app}");
}

TEST_F(RouteAccessTest, EachNamesWhatItNeeds) {
  for (const Route& route : rest_.routes()) {
    SCOPED_TRACE(route.method + " " + route.path);
    EXPECT_NE(route.action, Action::administer) << "is it forgotten? Routes of administrators stand here";
    EXPECT_EQ(controller::isAboutApp(route.action), isAboutOneApp(route));
    if (route.method == "GET" || route.path.ends_with("/log-sessions")) continue;
    for (const Action looking : {Action::identify, Action::readAccount, Action::viewApp, Action::readServer})
      EXPECT_NE(route.action, looking) << "it changes something";
  }
}

TEST_F(RouteAccessTest, ValuesOfConfigTakeTheRightToOperate) {
  for (const Route& route : rest_.routes()) {
    if (route.path.ends_with("/config-vars")) {
      EXPECT_EQ(route.action, Action::operateApp) << route.path;
    }
  }
}

TEST_F(RouteAccessTest, NobodyIsAskedWhoItIs) {
  for (const Route& route : rest_.routes())
    EXPECT_EQ(statusAs("", route), 401) << route.method << " " << route.path;
}

TEST_F(RouteAccessTest, AnAppIsThereForWhoMayViewIt) {
  for (const Route& route : rest_.routes()) {
    if (!isAboutOneApp(route)) continue;
    SCOPED_TRACE(route.method + " " + route.path);
    EXPECT_EQ(statusAs("stranger", route), 404);
    const std::pair<const char*, Action> ranks[] = {{"viewer", Action::viewApp},
                                                    {"deployer", Action::deployApp},
                                                    {"operator", Action::operateApp},
                                                    {"manager", Action::manageApp}};
    for (const auto& [user, most] : ranks) {
      if (route.action > most) {
        EXPECT_EQ(statusAs(user, route), 403) << user;
      } else if (route.method == "GET") {
        EXPECT_NE(statusAs(user, route), 403) << user;
      }
    }
  }
}

TEST_F(RouteAccessTest, ListsHoldWhatOneMayView) {
  store_.createApp({store::AppName::parse("secret"), "debian-12", "owner"});
  const auto appsOf = [&](const std::string& user) {
    return send("GET", "/apps", "", {{"Authorization", "Bearer of " + user}}).each("name");
  };
  EXPECT_THAT(appsOf("owner"), ::testing::ElementsAre("hello", "secret"));
  EXPECT_THAT(appsOf("viewer"), ::testing::ElementsAre("hello"));
  EXPECT_THAT(appsOf("stranger"), ::testing::ElementsAre());
  EXPECT_THAT(appsOf("ada"), ::testing::ElementsAre("hello", "secret"));
}

}  // namespace
}  // namespace api
