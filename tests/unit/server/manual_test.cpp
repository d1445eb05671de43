// The manual page and the completions hold every command and every option.
#include "server/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

TEST(Manual, EveryCommandHasHelpAndAnExampleOfItself) {
  for (const auto& spec : everyCommand()) {
    EXPECT_FALSE(spec.help.empty()) << spec.name;
    ASSERT_FALSE(spec.example.empty()) << spec.name << " has no example: write one in command_examples.cpp";
    EXPECT_EQ(base::split(spec.example, ' ')[0], spec.name);
    if (!spec.run) continue;
    const std::string help = controller::helpOf(spec);
    EXPECT_THAT(help, HasSubstr("usage: fairlead " + spec.name));
    EXPECT_THAT(help, HasSubstr("Example: fairlead " + spec.example));
  }
}

/// The options that a completion has to know.
std::vector<std::string> optionsOf(const controller::CommandSpec& spec) {
  std::vector<std::string> options;
  for (const std::string& option : spec.options)
    options.push_back(option.back() == '=' ? option.substr(0, option.size() - 1) : option);
  return options;
}

TEST(Manual, ThePageHoldsEveryCommandAndOption) {
  const std::string page = manualPage();
  for (const auto& spec : everyCommand()) {
    const auto at = page.find(".B " + base::join(base::split(spec.name, '-'), "\\-") + "\n");
    ASSERT_NE(at, std::string::npos) << spec.name;
    const std::string entry = page.substr(at, page.find(".TP", at) - at);
    for (const std::string& option : optionsOf(spec))
      EXPECT_THAT(entry, HasSubstr("\\-\\-" + base::join(base::split(option, '-'), "\\-"))) << spec.name;
  }
}

TEST(Manual, ZshAndFishKnowEveryCommandAndOption) {
  const std::string zsh = completionScript("zsh");
  const std::string fish = completionScript("fish");
  for (const auto& spec : everyCommand()) {
    const auto begin = zsh.find("    " + spec.name + ")\n");
    ASSERT_NE(begin, std::string::npos) << spec.name;
    const std::string entry = zsh.substr(begin, zsh.find(";;", begin) - begin);
    EXPECT_THAT(fish, HasSubstr("-a '" + spec.name + "' -d "));
    for (const std::string& option : optionsOf(spec)) {
      EXPECT_THAT(entry, HasSubstr("'--" + option + "[")) << spec.name;
      EXPECT_THAT(fish, HasSubstr("__fish_seen_subcommand_from " + spec.name + "' -l " + option))
          << spec.name;
    }
  }
  EXPECT_THROW(completionScript("tcsh"), base::Error);
}

/// What bash offers at the end of a line; ':' ends a word there.
std::vector<std::string> offered(const std::string& line) {
  const std::string out = base::mustRun(
      {"bash", "-c",
       "fairlead() { printf 'hello  x\\nhelium  y\\n'; }; eval \"$1\"; COMP_LINE=$2 COMP_POINT=${#2}; "
       "_fairlead; printf '%s\\n' \"${COMPREPLY[@]}\"",
       "bash", completionScript("bash"), line});
  std::vector<std::string> words = base::split(base::trim(out), '\n');
  return words;
}

TEST(Manual, BashOffersCommandsOptionsAndApps) {
  EXPECT_THAT(offered("fairlead apps:c"), ElementsAre("create"));
  EXPECT_THAT(offered("fairlead rest"), ElementsAre("restore"));
  EXPECT_THAT(offered("fairlead --data /x rest"), ElementsAre("restore"));
  EXPECT_THAT(offered("fairlead logs -a he"), ElementsAre("hello", "helium"));
  EXPECT_THAT(offered("fairlead logs --ta"), ElementsAre("--tail"));
  EXPECT_THAT(offered("fairlead serve --ssh-li"), ElementsAre("--ssh-listen"));
  std::vector<std::string> names;
  for (const auto& spec : everyCommand())
    names.push_back(spec.name);
  EXPECT_THAT(offered("fairlead "), IsSupersetOf(names));
  for (const auto& spec : everyCommand()) {
    std::vector<std::string> options;
    for (const std::string& option : optionsOf(spec))
      options.push_back("--" + option);
    EXPECT_THAT(offered("fairlead " + spec.name + " --"), IsSupersetOf(options)) << spec.name;
  }
}

}  // namespace
}  // namespace server
