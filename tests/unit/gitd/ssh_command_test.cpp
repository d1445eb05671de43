#include "gitd/detail/ssh_command.h"

#include <gtest/gtest.h>

namespace gitd::detail {
namespace {

using Words = std::vector<std::string>;

Words words(std::string_view line) {
  return splitWords(line).value_or(Words{"<refused>"});
}

std::string gitName(std::string_view line) {
  const SshCommand command = parseSshCommand(line);
  const auto* git = std::get_if<GitCommand>(&command);
  return git ? git->name : "<no git command>";
}

TEST(SshCommand, SplitsLikeAShell) {
  EXPECT_EQ(words(""), Words{});
  EXPECT_EQ(words("  a  b\t"), (Words{"a", "b"}));
  EXPECT_EQ(words("'it'\\''s' \"a \\\"b\\\" \\c\""), (Words{"it's", "a \"b\" \\c"}));
  EXPECT_EQ(words("a\\ b '' c\"\""), (Words{"a b", "", "c"}));
}

TEST(SshCommand, ExpandsNothing) {
  EXPECT_EQ(words("$HOME *;`id` \"$(id)\" a|b"), (Words{"$HOME", "*;`id`", "$(id)", "a|b"}));
}

TEST(SshCommand, RefusesWhatIsNotALine) {
  EXPECT_FALSE(splitWords("'open"));
  EXPECT_FALSE(splitWords("\"open"));
  EXPECT_FALSE(splitWords("end\\"));
  EXPECT_FALSE(splitWords(std::string_view("a\0b", 3)));
  EXPECT_FALSE(splitWords(std::string(70'000, 'a')));
  std::string many;
  for (int i = 0; i < 1001; ++i)
    many += "a ";
  EXPECT_FALSE(splitWords(many));
}

TEST(SshCommand, KnowsGitCommandsInEveryForm) {
  for (const char* line :
       {"git-receive-pack '/app.git'", "git receive-pack app", "git-receive-pack '~/app.git/'",
        "git-receive-pack \"app.git\"", "git-receive-pack --quiet 'app'"}) {
    EXPECT_EQ(gitName(line), "app") << line;
  }
  EXPECT_EQ(std::get<GitCommand>(parseSshCommand("git-upload-pack 'a'")).service, GitService::uploadPack);
  EXPECT_EQ(std::get<GitCommand>(parseSshCommand("git upload-archive 'a'")).service,
            GitService::uploadArchive);
  EXPECT_TRUE(std::holds_alternative<BadCommand>(parseSshCommand("git-receive-pack")));
  EXPECT_TRUE(std::holds_alternative<BadCommand>(parseSshCommand("git-receive-pack a b")));
  EXPECT_EQ(std::get<PlainCommand>(parseSshCommand("git-shell x")).argv, (Words{"git-shell", "x"}));
  EXPECT_EQ(std::get<PlainCommand>(parseSshCommand("apps:create x")).argv, (Words{"apps:create", "x"}));
}

TEST(SshCommand, NamesOfReposCannotLeadAnywhere) {
  EXPECT_TRUE(isRepositoryName("my-app-2"));
  for (const char* bad : {"", "-a", "../a", "a/b", "A", "a.git", "a_b", "."})
    EXPECT_FALSE(isRepositoryName(bad)) << bad;
  EXPECT_FALSE(isRepositoryName(std::string(64, 'a')));
}

TEST(SshCommand, ReadsTheProtocolVersion) {
  EXPECT_EQ(protocolVersion("version=2"), 2);
  EXPECT_EQ(protocolVersion("x=y:version=1"), 1);
  EXPECT_EQ(protocolVersion("version=1:version=2"), 2);
  for (const char* other : {"", "version=", "version=3", "version=22", "aversion=2"})
    EXPECT_EQ(protocolVersion(other), 0) << other;
}

}  // namespace
}  // namespace gitd::detail
