// registry/start.sh, run by a real bash with /app and /fairlead moved into a temporary folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/fd.h"
#include "tests/support/temp_folder.h"

namespace registry {
namespace {

class StartScript : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string script = base::readFile(std::string(SOURCE_DIR) + "/registry/start.sh");
    const std::string root = folder_.path().string();
    for (const std::string name : {"/app", "/fairlead/types"}) {
      for (std::size_t at = 0; (at = script.find(name, at)) != std::string::npos;
           at += root.size() + name.size()) {
        script.insert(at, root);
      }
    }
    folder_.write("start", script);
    std::filesystem::create_directories(folder_ / "app");
    type("web", "echo \"web in $PWD home $HOME $FOO\"");
  }
  void type(const std::string& name, const std::string& command) {
    folder_.write("fairlead/types/" + name, command);
  }
  void profile(const std::string& name, const std::string& text) { folder_.write("app/" + name, text); }

  base::CommandOutput run(std::vector<std::string> words, std::vector<std::string> environment = {}) {
    words.insert(words.begin(), {"/bin/bash", folder_ / "start"});
    environment.push_back("PATH=/usr/bin:/bin");
    return base::runCommand(words, {.environment = environment});
  }
  std::string outputOf(const std::vector<std::string>& words,
                       const std::vector<std::string>& environment = {}) {
    const auto output = run(words, environment);
    EXPECT_TRUE(output.status.ok()) << output.err;
    EXPECT_EQ(output.err, "");
    return output.out;
  }
  std::string app() const { return (folder_ / "app").string(); }

  testing_support::TempFolder folder_;
};

TEST_F(StartScript, RunsATypeInTheAppsFolder) {
  EXPECT_EQ(outputOf({"web"}), "web in " + app() + " home " + app() + " \n");
  EXPECT_EQ(outputOf({"web"}, {"FOO=bar", "HOME=/elsewhere"}),
            "web in " + app() + " home " + app() + " bar\n");
}

TEST_F(StartScript, StartsWebWhenNothingIsNamed) {
  EXPECT_EQ(outputOf({}), outputOf({"web"}));
}

TEST_F(StartScript, GivesATypeItsArguments) {
  type("tool", "printf '[%s]' first");
  EXPECT_EQ(outputOf({"tool", "a b", "*", "$HOME"}), "[first][a b][*][$HOME]");
}

TEST_F(StartScript, KeepsTheQuotingOfACommand) {
  EXPECT_EQ(outputOf({"printf", "[%s]", "a  b", "", "$HOME", "it's", "*"}), "[a  b][][$HOME][it's][*]");
  EXPECT_EQ(outputOf({"pwd"}), app() + "\n");
}

TEST_F(StartScript, TakesCommandsOfSeveralLines) {
  type("web", "for i in 1 2; do\n  echo $i # one\ndone\n");
  EXPECT_EQ(outputOf({"web"}), "1\n2\n");
}

TEST_F(StartScript, SourcesProfilesInByteOrderThenTheProfile) {
  profile(".profile.d/b.sh", "ORDER=$ORDER.b");
  profile(".profile.d/B.sh", "ORDER=$ORDER.B");
  profile(".profile.d/10_a.sh", "export ORDER=$ORDER.10");
  profile(".profile.d/9_a.sh", "ORDER=$ORDER.9");
  profile(".profile.d/ignored.txt", "ORDER=wrong");
  profile(".profile", "ORDER=$ORDER.profile");
  type("web", "echo $ORDER");
  EXPECT_EQ(outputOf({"web"}), ".10.9.B.b.profile\n");
  EXPECT_EQ(run({"web"}, {"LC_ALL=en_US.UTF-8"}).out, ".10.9.B.b.profile\n");
}

TEST_F(StartScript, SurvivesWhatProfilesDo) {
  profile(".profile.d/1.sh", "set -eu\nexport ONE=1\nset -- stolen arguments\nreturn 3");
  profile(".profile.d/2.sh", "false\necho \"$UNSET_VARIABLE\" >/dev/null\ndeclare -x TWO=2\ncd /");
  profile(".profile.d/3.sh", "IFS=:\nfalse");
  profile(".profile", "export FOUR=4");
  EXPECT_EQ(outputOf({"bash", "-c", "echo $ONE $TWO $FOUR $1", "name", "argument"}), "1 2 4 argument\n");
}

TEST_F(StartScript, GivesProfilesToCommandsToo) {
  profile(".profile.d/path.sh", "export PATH=" + app() + "/bin:$PATH");
  folder_.write("app/bin/mine", "#!/bin/sh\necho mine \"$@\"\n");
  std::filesystem::permissions(folder_ / "app/bin/mine", std::filesystem::perms(0755));
  EXPECT_EQ(outputOf({"mine", "1"}), "mine 1\n");
}

TEST_F(StartScript, WorksWithoutAnApp) {
  std::filesystem::remove_all(folder_ / "app");
  EXPECT_EQ(outputOf({"echo", "still here"}), "still here\n");
}

TEST_F(StartScript, PassesOnTheExitStatus) {
  type("web", "exit 7");
  EXPECT_EQ(run({"web"}).status.code, 7);
  EXPECT_EQ(run({"no-such-command"}).status.code, 127);
  EXPECT_EQ(run({""}).status.code, 127);
}

TEST_F(StartScript, LooksForTypesInTheirFolderOnly) {
  folder_.write("fairlead/secret", "echo leaked");
  EXPECT_NE(run({"../secret"}).out, "leaked\n");
  EXPECT_EQ(run({".."}).status.code, 126);
}

TEST_F(StartScript, LeavesTheProcessInItsPlace) {
  // The shell gives way, so that a signal meets the app.
  type("web", "exec sh -c 'kill -9 $$'");
  EXPECT_EQ(run({"web"}).status.signal, 9);
}

}  // namespace
}  // namespace registry
