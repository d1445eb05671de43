#include "base/env_file.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"
#include "tests/fuzz/base_inputs.h"
#include "tests/support/fuzz_corpus.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

std::string complaintAbout(const std::string& text) {
  try {
    parseEnvFile(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalidArgument);
    return error.what();
  }
  return "";
}

TEST(EnvFile, ReadsWhatPeopleWrite) {
  EXPECT_THAT(parseEnvFile("# a comment\n\nA=1\nexport B=two words # a note\n  C = x#y\r\nD=\nexported=1\n"),
              ElementsAre(Pair("A", "1"), Pair("B", "two words"), Pair("C", "x#y"), Pair("D", ""),
                          Pair("exported", "1")));
  EXPECT_THAT(parseEnvFile("A='it''s $HOME \\n'\nB=\"a\\nb \\\"q\\\" \\$x \\z\"\nC='two\nlines' # c\nA=2"),
              ElementsAre(Pair("A", "2"), Pair("B", "a\nb \"q\" $x \\z"), Pair("C", "two\nlines")));
  EXPECT_THAT(parseEnvFile(""), ElementsAre());
}

TEST(EnvFile, NamesTheLineThatIsWrongAndNothingOfIt) {
  EXPECT_EQ(complaintAbout("A='x\ny'\nsecretword\n"),
            "line 3 of the .env file is not of the form NAME=VALUE");
  EXPECT_THAT(complaintAbout("A=1\nB=\"secretword"), HasSubstr("line 2"));
  EXPECT_THAT(complaintAbout("B='a' secretword"), Not(HasSubstr("secretword")));
  EXPECT_THAT(complaintAbout("=x"), HasSubstr("line 1"));
  EXPECT_THAT(complaintAbout("BAD-NAME=x"), HasSubstr("line 1"));
}

TEST(EnvFile, IsReadByBashAsItIsReadHere) {
  const std::map<std::string, std::string> variables{{"A", "simple/value:1"},
                                                     {"B", "two words $HOME `id` \\"},
                                                     {"C", "it's \"$HOME\" `id` \\ \n next"},
                                                     {"D", ""},
                                                     {"E", "#no comment"}};
  const std::string text = formatEnvFile(variables);
  EXPECT_EQ(parseEnvFile(text), variables);
  EXPECT_THAT(text, HasSubstr("A=simple/value:1\n"));
  const testing_support::TempFolder folder;
  const auto file = folder.write("env", text);
  const auto out = folder / "out";
  ASSERT_EQ(std::system(("bash -c '. \"$0\"; printf \"%s|\" \"$A\" \"$B\" \"$C\" \"$D\" \"$E\"' " +
                         file.string() + " > " + out.string())
                            .c_str()),
            0);
  std::string wanted;
  for (const auto& [name, value] : variables)
    wanted += value + "|";
  EXPECT_EQ(readFile(out, 1u << 20), wanted);
}

TEST(EnvFile, CorpusIsReadBackAsWritten) {
  EXPECT_GT(testing_support::replayVaried("env_file", &fuzz::envFile), 0);
}

}  // namespace
}  // namespace base
