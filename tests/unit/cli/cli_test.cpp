#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/child_process.h"
#include "base/digest.h"
#include "base/error.h"
#include "tests/unit/cli/scripted_server.h"

namespace {

using base::Errc;
using base::Error;
using cli::testing::Scene;
using cli::testing::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What running the words throws.
Error failureOf(Scene& scene, const std::vector<std::string>& args) {
  try {
    scene.run(args);
  } catch (const Error& failure) {
    return failure;
  }
  return {Errc::internal, "did not fail"};
}

TEST(Cli, ForwardsItsWordsAndPrintsTheAnswer) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines =
      "{\"out\":\"one\\n\"}\n{\"err\":\"careful\\n\"}\n{}\n{\"out\":\"two\\n\",\"later\":[1]}\n{\"exit\":3}"
      "\n";
  EXPECT_EQ(scene.run({"apps:create", "hello", "--json"}), 3);
  EXPECT_EQ(scene.out.text, "one\ntwo\n");
  EXPECT_EQ(scene.err.text, "careful\n");
  EXPECT_THAT(server.bodies(), ElementsAre(R"({"argv":["apps:create","hello","--json"],"terminal":false})"));
}

TEST(Cli, WaitsForTheEndOfTheServer) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  auto [read, write] = base::makePipe();
  auto ending = base::ChildProcess::spawn({.argv = {"cat"}, .fds = {{&read, 0}}});
  server.lines =
      "{\"ending\":" + std::to_string(ending.pid()) + "}\n{\"out\":\"Stopping\\n\"}\n{\"exit\":0}\n";
  std::atomic<bool> returned = false;
  std::jthread stop([&] {
    EXPECT_EQ(scene.run({"server:stop"}), 0);
    returned = true;
  });
  EXPECT_FALSE(ending.waitFor(std::chrono::milliseconds(200)));
  EXPECT_FALSE(returned);
  write.reset();
  stop.join();
  EXPECT_TRUE(ending.wait().ok());
}

TEST(Cli, AServerThatHasEndedIsNotWaitedFor) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  auto ended = base::ChildProcess::spawn({.argv = {"true"}});
  const pid_t pid = ended.pid();
  ended.wait();
  server.lines = "{\"ending\":" + std::to_string(pid) + "}\n{\"exit\":0}\n";
  EXPECT_EQ(scene.run({"server:stop"}), 0);
}

TEST(Cli, TakesTheDataFolderFromTheFirstWords) {
  Scene scene;
  scene.surroundings.environment.erase("FAIRLEAD_DATA");
  ScriptedServer server(scene.folder / "data");
  EXPECT_EQ(scene.run({"--data", "../data", "apps"}), 0);
  EXPECT_EQ(scene.run({"--data=" + (scene.folder / "data").string(), "apps"}), 0);
  EXPECT_THAT(server.bodies(),
              ElementsAre(R"({"argv":["apps"],"terminal":false})", R"({"argv":["apps"],"terminal":false})"));
}

TEST(Cli, NamesTheAppOfTheCurrentFoldersRemote) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  scene.folder.write("work/.git/config",
                     "[remote \"fairlead\"]\n\turl = ssh://git@localhost:2222/hello.git\n");
  scene.surroundings.terminal = true;
  EXPECT_EQ(scene.run({"ps"}), 0);
  EXPECT_THAT(server.bodies(), ElementsAre(R"({"argv":["ps"],"app":"hello","terminal":true})"));
}

TEST(Cli, SaysWhatToStartWhenNoServerRuns) {
  Scene scene;
  const Error failure = failureOf(scene, {"apps"});
  EXPECT_EQ(failure.code(), Errc::unavailable);
  const std::string data = (scene.folder / "data").string();
  EXPECT_EQ(std::string(failure.what()),
            "no server is running on " + data + "; start it with: fairlead serve --data " + data);
}

TEST(Cli, PrintsTheSentenceOfAnErrorAnswer) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.status = 503;
  server.lines = R"({"id":"unavailable","message":"the server is stopping"})";
  EXPECT_STREQ(failureOf(scene, {"apps"}).what(), "the server is stopping");
  server.lines = "<html>";
  EXPECT_THAT(failureOf(scene, {"apps"}).what(), StartsWith("the server answered 503"));
}

TEST(Cli, FailsWhenTheAnswerEndsWithoutAnExitStatus) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines = "{\"out\":\"half\\n\"}\n";
  const Error failure = failureOf(scene, {"apps"});
  EXPECT_EQ(failure.code(), Errc::unavailable);
  EXPECT_EQ(scene.out.text, "half\n");
}

TEST(Cli, FailsOnAnAnswerThatIsNoJson) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  for (const char* lines : {"nonsense\n", "{\"exit\":\"x\"}\n", "{\"out\":7}\n"}) {
    server.lines = lines;
    EXPECT_EQ(failureOf(scene, {"apps"}).code(), Errc::corrupt) << lines;
  }
}

TEST(Cli, KnowsItsVersionAndUsageWithoutAServer) {
  Scene scene;
  EXPECT_EQ(scene.run({"version"}), 0);
  EXPECT_THAT(scene.out.text, StartsWith("fairlead "));
  for (const auto& words : {std::vector<std::string>{}, {"help"}, {"--help"}}) {
    scene.out.text.clear();
    EXPECT_EQ(scene.run(words), 0);
    EXPECT_THAT(scene.out.text, HasSubstr("usage: fairlead"));
  }
}

TEST(Cli, AsksARunningServerForHelp) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines = "{\"out\":\"apps\\n\"}\n{\"exit\":0}\n";
  EXPECT_EQ(scene.run({}), 0);
  EXPECT_EQ(scene.run({"--help"}), 0);
  EXPECT_EQ(scene.out.text, "apps\napps\n");
  EXPECT_THAT(server.bodies()[1], StartsWith(R"({"argv":["help"])"));
}

TEST(Cli, ReachesASocketWhosePathIsLongerThanASocketAddress) {
  Scene scene;
  const auto folder = scene.folder / std::string(120, 'd');
  std::filesystem::create_directories(folder);
  EXPECT_THAT(failureOf(scene, {"--data", folder.string(), "apps"}).what(),
              StartsWith("no server is running"));
}

TEST(CliSave, WritesTheFileThatWasAskedFor) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines = "{\"save\":{\"path\":\"/fairlead/slug\",\"file\":\"hello.tgz\"}}\n{\"exit\":0}\n";
  server.files["/fairlead/slug"] = std::string(300'000, 'x');
  server.etag = base::Digest::of(server.files["/fairlead/slug"]).str();
  scene.folder.write("work/hello.tgz", "old");
  EXPECT_EQ(scene.run({"slugs:download", "-o", "hello.tgz"}), 0);
  EXPECT_EQ(scene.folder.read("work/hello.tgz"), server.files["/fairlead/slug"]);
}

TEST(CliSave, WritesToStdoutForADash) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines = "{\"save\":{\"path\":\"/fairlead/slug\",\"file\":\"-\"}}\n{\"exit\":0}\n";
  server.files["/fairlead/slug"] = "bytes";
  EXPECT_EQ(scene.run({"slugs:download", "-o", "-"}), 0);
  EXPECT_EQ(scene.out.text, "bytes");
}

TEST(CliSave, KeepsTheOldFileWhenTheBytesHaveAnotherDigest) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines = "{\"save\":{\"path\":\"/fairlead/slug\",\"file\":\"hello.tgz\"}}\n{\"exit\":0}\n";
  server.files["/fairlead/slug"] = "bytes";
  server.etag = base::Digest::of("others").str();
  scene.folder.write("work/hello.tgz", "old");
  EXPECT_EQ(failureOf(scene, {"slugs:download", "-o", "hello.tgz"}).code(), Errc::corrupt);
  EXPECT_EQ(scene.folder.read("work/hello.tgz"), "old");
}

TEST(CliSave, RefusesAFileThatTheUserDidNotName) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  scene.folder.write("work/mine", "old");
  for (const char* file : {"../home/.ssh/authorized_keys", ".profile", "/tmp/x"}) {
    server.lines =
        std::string("{\"save\":{\"path\":\"/fairlead/slug\",\"file\":\"") + file + "\"}}\n{\"exit\":0}\n";
    server.files["/fairlead/slug"] = "bytes";
    EXPECT_EQ(failureOf(scene, {"apps"}).code(), Errc::permissionDenied) << file;
  }
  server.lines = "{\"save\":{\"path\":\"/fairlead/slug\",\"file\":\"mine\"}}\n{\"exit\":0}\n";
  EXPECT_EQ(failureOf(scene, {"apps"}).code(), Errc::alreadyExists);
  EXPECT_EQ(scene.folder.read("work/mine"), "old");
}

TEST(CliSave, RepeatsTheServersWordsForAMissingFile) {
  Scene scene;
  ScriptedServer server(scene.folder / "data");
  server.lines = "{\"save\":{\"path\":\"/fairlead/none\",\"file\":\"new.tgz\"}}\n{\"exit\":0}\n";
  EXPECT_STREQ(failureOf(scene, {"slugs:download"}).what(), "no such slug");
  EXPECT_FALSE(std::filesystem::exists(scene.folder / "work/new.tgz"));
}

}  // namespace
