#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "builder/builder.h"
#include "builder/detail/procfile.h"

namespace builder {
namespace {

using Types = store::ProcessTypes;

struct Accepted {
  const char* text;
  Types types;
};

TEST(Procfile, ReadsWhatPeopleWrite) {
  const std::string longest(63, 'a');
  const std::vector<Accepted> table = {
      {"web: node server.js\n", {{"web", "node server.js"}}},
      {"web: node server.js", {{"web", "node server.js"}}},
      {"web:node server.js\r\nworker: a\r\n", {{"web", "node server.js"}, {"worker", "a"}}},
      {"\xEF\xBB\xBFweb: a\n", {{"web", "a"}}},
      {"# comment\n\n   \nweb: a\n", {{"web", "a"}}},
      {"  web  :   a  \n", {{"web", "a"}}},
      {"web: a: b @ % \t c # d\n", {{"web", "a: b @ % \t c # d"}}},
      {"web: FOO='x y' bash -c \"a && b\" -p $PORT\n", {{"web", "FOO='x y' bash -c \"a && b\" -p $PORT"}}},
      {"my_type-2: a\n", {{"my_type-2", "a"}}},
      {"WEB: a\nweb: b\n", {{"WEB", "a"}, {"web", "b"}}},
      {"", {}},
      {"\n#\n", {}},
  };
  for (const auto& [text, types] : table)
    EXPECT_EQ(parseProcfile(text), types) << text;
  EXPECT_EQ(parseProcfile(longest + ": a"), (Types{{longest, "a"}}));
}

struct Refused {
  std::string text;
  std::string message;
};

TEST(Procfile, RefusesWithTheLinesNumber) {
  const std::vector<Refused> table = {
      {"web: a\nworker\n", "Procfile line 2 is not of the form TYPE: COMMAND"},
      {"web:\n", "Procfile line 1 gives no command for web"},
      {"web: a\n\nweb: b\n", "Procfile line 3 declares web again"},
      {"we b: a\n",
       "Procfile line 1 names the process type 'we b'; use letters, digits, - and _, at most 63"},
      {": a\n", "Procfile line 1 names the process type ''; use letters, digits, - and _, at most 63"},
      {"../x: a\n",
       "Procfile line 1 names the process type '../x'; use letters, digits, - and _, at most 63"},
      {"web: a\ncron: b\n",
       "Procfile line 2 names the process type 'cron', but cron.1 is what a process of fairlead cron, from "
       "app.json, is called: choose another name"},
      {"run: b\n",
       "Procfile line 1 names the process type 'run', but run.1 is what a process of fairlead run is called: "
       "choose another name"},
      {"<<<<<<< HEAD\nweb: a\n", "Procfile line 1 has a merge conflict marker"},
      {"web: a\n=======\n", "Procfile line 2 has a merge conflict marker"},
      {std::string("web: a\0b\n", 9), "Procfile line 1 has a NUL byte"},
      {std::string(70000, '\n'), "the Procfile is larger than 64 KiB"},
  };
  for (const auto& [text, message] : table) {
    try {
      parseProcfile(text);
      ADD_FAILURE() << text.substr(0, 80);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument);
      EXPECT_EQ(error.what(), message);
    }
  }
}

TEST(Procfile, SurvivesItsFuzzSeeds) {
  int seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/data/fuzz/procfile")) {
    const auto result = detail::readProcfile(base::readFile(entry.path()));
    if (const auto* types = std::get_if<Types>(&result)) {
      for (const auto& [type, command] : *types) {
        EXPECT_TRUE(detail::isProcessType(type));
        EXPECT_FALSE(command.empty());
      }
    }
    ++seeds;
  }
  EXPECT_GT(seeds, 0);
}

}  // namespace
}  // namespace builder
