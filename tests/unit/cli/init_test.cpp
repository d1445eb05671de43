#include "cli/detail/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "tests/unit/cli/scripted_server.h"

namespace cli::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InitTest : public ::testing::Test {
 protected:
  std::string git(std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", scene_.surroundings.currentFolder.string()});
    return std::string(base::trim(base::mustRun(words)));
  }
  int init(const std::vector<std::string>& words) {
    return initApp(scene_.surroundings, words, [this](const std::vector<std::string>& argv) {
      asked_.push_back(base::join(argv, " "));
      const auto answer = answers_.find(argv[0]);
      return answer == answers_.end() ? Told{.status = 1, .out = "", .err = "fairlead: no"} : answer->second;
    });
  }
  std::string refusal(const std::vector<std::string>& words) {
    try {
      init(words);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "none";
  }

  testing::Scene scene_;
  const Told hello_{
      .status = 0, .out = R"({"name":"hello","git_url":"ssh://git@host:2222/hello.git"})", .err = ""};
  std::map<std::string, Told> answers_{{"apps:create", hello_}};
  std::vector<std::string> asked_;
};

TEST_F(InitTest, MakesTheAppAndAddsTheRemote) {
  git({"init", "-q", "-b", "trunk"});
  EXPECT_EQ(init({"hello"}), 0);
  EXPECT_EQ(git({"remote", "get-url", "fairlead"}), "ssh://git@host:2222/hello.git");
  EXPECT_THAT(asked_, ElementsAre("apps:create --json hello"));
  EXPECT_THAT(scene_.out.text, HasSubstr("git push fairlead trunk"));
  EXPECT_THAT(refusal({"hello"}), HasSubstr("has a remote fairlead already (ssh://git@host:2222/hello.git)"));
}

TEST_F(InitTest, TakesAnAppThatIsThereAndCanBeSeen) {
  git({"init", "-q"});
  answers_["apps:create"] = {.status = 1, .out = "", .err = "fairlead: Name hello is already taken\n"};
  EXPECT_EQ(refusal({"hello"}), "Name hello is already taken");
  answers_["apps:info"] = hello_;
  EXPECT_EQ(init({"hello"}), 0);
  EXPECT_THAT(scene_.out.text, HasSubstr("Took the app that is there, hello"));
}

TEST_F(InitTest, AsksForAGitRepositoryFirst) {
  EXPECT_THAT(refusal({}), HasSubstr("git init"));
  EXPECT_TRUE(asked_.empty());
  EXPECT_THROW(init({"a", "b"}), base::Error);
}

TEST(AppNameFrom, IsWhatAnAppMayBeCalled) {
  EXPECT_EQ(appNameFrom("hello"), "hello");
  EXPECT_EQ(appNameFrom("My Shop_2.0"), "my-shop-2-0");
  EXPECT_EQ(appNameFrom("2048-game!"), "game");
  EXPECT_EQ(appNameFrom("\xc3\xa4"), "");
  EXPECT_EQ(appNameFrom(std::string(40, 'x')), std::string(30, 'x'));
}

}  // namespace
}  // namespace cli::detail
