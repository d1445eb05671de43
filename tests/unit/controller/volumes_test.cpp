#include <gmock/gmock.h>

#include <filesystem>

#include "base/json.h"
#include "controller/volume_operations.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VolumesTest : public CommandFixture {
 protected:
  VolumesTest() {
    run({"apps:create", "hello"});
    deploySlug("hello");
  }
  store::App app() { return store_.getApp(store::AppName::parse("hello")); }
  fs::path folder(const std::string& name) { return folder_.volumes(app().uuid) / name; }
};

TEST_F(VolumesTest, ProcessesGetThem) {
  EXPECT_THAT(run({"volumes", "-a", "hello"}).out, HasSubstr("No volumes"));
  ASSERT_EQ(run({"volumes:add", "data:/app/data", "-a", "hello"}).code, 0);
  ASSERT_EQ(run({"volumes:add", "cache:/cache", "--read-only", "-a", "hello"}).code, 0);
  EXPECT_TRUE(fs::is_directory(folder("data")));
  const auto volumes = engine_.deployments().back().volumes;
  EXPECT_EQ(volumes, (std::vector<runner::VolumeMount>{{folder("cache"), "/cache", true},
                                                       {folder("data"), "/app/data", false}}));
  EXPECT_THAT(run({"volumes", "-a", "hello"}).out, HasSubstr("cache  /cache     read only"));
  const auto json =
      base::parseJsonObject(R"({"list":)" + run({"volumes", "--json", "-a", "hello"}).out + "}", "volumes");
  EXPECT_EQ(base::jsonString(json->getArray("list")->getObject(1), "target"), "/app/data");
}

TEST_F(VolumesTest, BelongToTheAppsUserWhenTheyAreThere) {
  const fs::path volumes = folder_.volumes(app().uuid);
  fs::create_directories(volumes / ".data");  // a kill left it
  ASSERT_EQ(run({"volumes:add", "data:/data", "-a", "hello"}).code, 0);
  const auto given = trees_.given();
  ASSERT_EQ(given.size(), 1u);
  EXPECT_EQ(given[0].path, volumes / ".data") << "before it has its name";
  EXPECT_EQ(given[0].owner.uid, 1000u);
  EXPECT_EQ(given[0].owner.gid, 1000u);
  EXPECT_TRUE(fs::is_directory(volumes / "data"));
  EXPECT_FALSE(fs::exists(volumes / ".data"));
  ASSERT_EQ(run({"volumes:remove", "data", "--confirm", "data", "-a", "hello"}).code, 0);
  fs::create_directory(volumes / "data");
  ASSERT_EQ(run({"volumes:add", "data:/data", "-a", "hello"}).code, 0);
  EXPECT_EQ(trees_.given().size(), 1u) << "one that is there is used as it is";
}

TEST_F(VolumesTest, GoWithWhatIsInThemWhenThatIsConfirmed) {
  ASSERT_EQ(run({"volumes:add", "data:/data", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"volumes:remove", "data", "-a", "hello"}).err, HasSubstr("--confirm data"));
  EXPECT_TRUE(fs::exists(folder("data")));
  ASSERT_EQ(run({"volumes:remove", "data", "--confirm", "data", "-a", "hello"}).code, 0);
  EXPECT_FALSE(fs::exists(folder("data")));
  EXPECT_THAT(engine_.deployments().back().volumes, IsEmpty());
  EXPECT_THAT(run({"volumes:remove", "data", "--confirm", "data", "-a", "hello"}).err,
              HasSubstr("has no volume data"));
}

TEST_F(VolumesTest, StayWithTheAppAndGoWithIt) {
  ASSERT_EQ(run({"volumes:add", "data:/data", "-a", "hello"}).code, 0);
  const fs::path place = folder("data");
  ASSERT_EQ(run({"apps:rename", "other", "-a", "hello"}).code, 0);
  EXPECT_EQ(engine_.deployments().back().volumes.at(0).source, place);
  ASSERT_EQ(run({"apps:destroy", "-a", "other", "--confirm", "other"}).code, 0);
  EXPECT_FALSE(fs::exists(place));
}

TEST_F(VolumesTest, AFailedLaunchLeavesAllAsItWas) {
  ASSERT_EQ(run({"volumes:add", "data:/data", "-a", "hello"}).code, 0);
  const auto before = store_.settings(app().id);
  engine_.failNext({"web.1", "exited", {}});
  EXPECT_EQ(run({"volumes:add", "more:/more", "-a", "hello"}).code, 1);
  EXPECT_EQ(store_.settings(app().id), before);
  engine_.failNext({"web.1", "exited", {}});
  EXPECT_EQ(run({"volumes:remove", "data", "--confirm", "data", "-a", "hello"}).code, 1);
  EXPECT_EQ(store_.settings(app().id), before);
  EXPECT_TRUE(fs::exists(folder("data")));
}

TEST_F(VolumesTest, OnlyAdministratorsGiveFoldersOfTheServer) {
  const fs::path own = folder_.root() / "own";
  fs::create_directory(own);
  const Identity member{.user = "ada", .role = store::Role::member, .door = Identity::Door::key};
  EXPECT_NE(runWith(member, {"volumes:add", "own:/own", "--from", own.string(), "-a", "hello"}).code, 0);
  EXPECT_THAT(store_.settings(app().id), IsEmpty());
  ASSERT_EQ(run({"volumes:add", "own:/own", "--from", own.string(), "-a", "hello"}).code, 0);
  EXPECT_EQ(engine_.deployments().back().volumes.at(0).source, own);
  ASSERT_EQ(run({"volumes:remove", "own", "--confirm", "own", "-a", "hello"}).code, 0);
  EXPECT_TRUE(fs::exists(own)) << "it is not ours";
  EXPECT_THAT(run({"volumes:add", "own:/own", "--from", "/nowhere/at/all", "-a", "hello"}).err,
              HasSubstr("there is no folder /nowhere/at/all on the server"));
}

TEST_F(VolumesTest, OperatorsFoldersComeFromWhereTheSettingsSay) {
  const testing_support::TempFolder outside;
  fs::create_directory(folder_.root() / "own");
  fs::create_directory_symlink(outside.path(), folder_.root() / "out");
  fs::create_directory_symlink(folder_.root() / "own", folder_.root() / "in");
  for (const fs::path& wrong : {outside.path(), folder_.root() / "out"}) {
    const auto refused = run({"volumes:add", "own:/own", "--from", wrong.string(), "-a", "hello"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr("add its folder to volume_folders"));
  }
  EXPECT_THAT(store_.settings(app().id), IsEmpty());
  ASSERT_EQ(run({"volumes:add", "own:/own", "--from", (folder_.root() / "in").string(), "-a", "hello"}).code,
            0);
  EXPECT_EQ(engine_.deployments().back().volumes.at(0).source, folder_.root() / "own")
      << "what the symlink meant when it was named";
}

TEST_F(VolumesTest, WrongOnesAreOneSentence) {
  ASSERT_EQ(run({"volumes:add", "data:/data", "-a", "hello"}).code, 0);
  const auto before = store_.settings(app().id);
  const auto faultOf = [&](const std::string& word) { return run({"volumes:add", word, "-a", "hello"}).err; };
  EXPECT_THAT(faultOf("data"), HasSubstr("NAME:PATH"));
  EXPECT_THAT(faultOf("data:/other"), HasSubstr("has a volume data already"));
  EXPECT_THAT(faultOf("Data:/other"), HasSubstr("no name of a volume"));
  EXPECT_THAT(faultOf("../x:/other"), HasSubstr("no name of a volume"));
  for (const char* target : {"", "/", "relative", "/a/../b", "/a/", "//a", "/a b", "/a:b", "/a\n"})
    EXPECT_THAT(faultOf(std::string("more:") + target), HasSubstr("no place for a volume")) << target;
  for (const char* target : {"/app", "/etc", "/etc/ssl", "/usr/lib", "/proc/self", "/fairlead"})
    EXPECT_THAT(faultOf(std::string("more:") + target), HasSubstr("is needed by the system or the app"))
        << target;
  EXPECT_THAT(faultOf("more:/data"), HasSubstr("the volume data is at /data already"));
  EXPECT_THAT(faultOf("more:/data/in"), HasSubstr("the volume data is at /data already"));
  EXPECT_EQ(store_.settings(app().id), before);
  for (std::size_t i = 1; i < kMaxVolumes; ++i)
    ASSERT_EQ(run({"volumes:add", "v" + std::to_string(i) + ":/v/" + std::to_string(i), "-a", "hello"}).code,
              0);
  EXPECT_THAT(faultOf("last:/last"), HasSubstr("20 volumes already"));
}

}  // namespace
}  // namespace controller
