#include "cli/detail/upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/archive.h"
#include "base/error.h"
#include "tests/support/byte_streams.h"
#include "tests/unit/cli/scripted_server.h"

namespace {

using base::Errc;
using base::Error;
using cli::testing::Scene;
using cli::testing::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Upload, SendsAFileAndNamesItsPlace) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  scene.folder.write("work/app.tgz", "bytes");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--source", "app.tgz"}, {"--source=app.tgz"}, {"-s", "app.tgz"}}) {
    std::vector<std::string> args{"builds:create", "-a", "hello"};
    args.insert(args.end(), words.begin(), words.end());
    EXPECT_EQ(scene.run(args), 0);
  }
  EXPECT_THAT(server.puts(), ElementsAre(Pair("/sources/1?p", "bytes"), Pair("/sources/1?p", "bytes"),
                                         Pair("/sources/1?p", "bytes")));
  EXPECT_EQ(server.bodies()[1],
            R"({"argv":["builds:create","-a","hello","--source","/sources/1?g"],"terminal":false})");
  EXPECT_THAT(server.bodies()[2], HasSubstr(R"("-s","/sources/1?g")"));
}

TEST(Upload, PacksAFolderWithoutItsGitFolder) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  scene.folder.write("work/app/Procfile", "web: x");
  scene.folder.write("work/app/lib/a b", "text");
  scene.folder.write("work/app/.git/HEAD", "secret");
  EXPECT_EQ(scene.run({"builds:create", "--source", "app"}), 0);
  ASSERT_EQ(server.puts().size(), 1u);
  testing_support::StringSource tar(server.puts()[0].second);
  std::filesystem::create_directory(scene.folder / "seen");
  base::unpackTar(tar, scene.folder / "seen", {.keepOwners = false});
  EXPECT_EQ(scene.folder.read("seen/Procfile"), "web: x");
  EXPECT_EQ(scene.folder.read("seen/lib/a b"), "text");
  EXPECT_FALSE(std::filesystem::exists(scene.folder / "seen/.git"));
}

TEST(Upload, LeavesUrlsAndOtherCommandsAlone) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  EXPECT_EQ(scene.run({"builds:create", "--source", "https://example.com/x.tgz"}), 0);
  EXPECT_EQ(scene.run({"builds:create"}), 0);
  EXPECT_EQ(scene.run({"logs", "--source", "app"}), 0);
  EXPECT_THAT(server.puts(), IsEmpty());
  EXPECT_THAT(server.bodies()[2], HasSubstr(R"(["logs","--source","app"])"));
}

TEST(Upload, SaysWhatIsMissingAndWhatTheServerRefused) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  try {
    scene.run({"builds:create", "--source", "nosuch.tgz"});
    ADD_FAILURE();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.code(), Errc::notFound);
    EXPECT_THAT(failure.what(), HasSubstr("nosuch.tgz"));
  }
  server.status = 422;
  server.lines = R"({"id":"invalid_params","message":"the source is larger than 1M"})";
  scene.folder.write("work/app.tgz", "bytes");
  try {
    scene.run({"builds:create", "--source", "app.tgz"});
    ADD_FAILURE();
  } catch (const Error& failure) {
    EXPECT_STREQ(failure.what(), "the source is larger than 1M");
  }
  EXPECT_THAT(server.bodies(), IsEmpty()) << "nothing is built then";
}

}  // namespace
