// The dependency table, kept by force: reads every #include of the modules against cmake/layers.txt, and
// every file's length.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// An outside library's headers that a module may include; only in files whose path starts with `files`, if
/// that is set.
struct ThirdParty {
  std::string header;
  std::string files;
};

struct Row {
  std::set<std::string> modules;
  std::vector<ThirdParty> thirdParty;
};

using Rules = std::map<std::string, Row>;

/// What may be included only where a row says so.
constexpr std::array<std::string_view, 7> kRestricted = {"archive",  "sqlite3",      "git2", "libssh/",
                                                         "openssl/", "libdeflate.h", "Poco/"};
/// Poco's free parts: Foundation has no folder but Dynamic.
constexpr std::array<std::string_view, 2> kFreePocoFolders = {"Poco/JSON/", "Poco/Dynamic/"};

constexpr std::size_t kMaxLines = 600;
constexpr std::size_t kMaxTestLines = 900;

Rules parseRules(const std::string& text) {
  Rules rules;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    const auto bar = line.find('|');
    if (colon == std::string::npos || bar == std::string::npos) throw std::runtime_error("bad line: " + line);
    Row& row = rules[line.substr(0, colon)];
    std::istringstream modules(line.substr(colon + 1, bar - colon - 1));
    row.modules = {std::istream_iterator<std::string>(modules), std::istream_iterator<std::string>()};
    std::istringstream libraries(line.substr(bar + 1));
    for (std::string word; libraries >> word;) {
      const auto at = word.find('@');
      row.thirdParty.push_back({word.substr(0, at), at == std::string::npos ? "" : word.substr(at + 1)});
    }
  }
  return rules;
}

struct Include {
  bool quoted;
  std::string header;
};

std::vector<Include> includesOf(const std::string& text) {
  std::vector<Include> includes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const auto word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
    const auto open = line.find_first_of("<\"", word);
    if (open == std::string::npos) continue;
    const auto close = line.find(line[open] == '<' ? '>' : '"', open + 1);
    includes.push_back({line[open] == '"', line.substr(open + 1, close - open - 1)});
  }
  return includes;
}

bool isRestricted(const std::string& header) {
  if (header.starts_with("Poco/")) {
    const bool inFolder = header.find('/', 5) != std::string::npos;
    return inFolder && std::none_of(kFreePocoFolders.begin(), kFreePocoFolders.end(),
                                    [&](std::string_view folder) { return header.starts_with(folder); });
  }
  return std::any_of(kRestricted.begin(), kRestricted.end(),
                     [&](std::string_view prefix) { return header.starts_with(prefix); });
}

bool isStandard(const Include& include) {
  return !include.quoted && include.header.find_first_of("/.") == std::string::npos;
}

/// What is wrong with one include of the file, or "".
std::string problemWith(const Include& include, const Rules& rules, const std::string& path) {
  const std::string module = path.substr(0, path.find('/'));
  const Row& row = rules.at(module);
  const std::string& header = include.header;
  if (path == "store/model.h" && !isStandard(include) && header != "base/digest.h") {
    return "values include only std and base/digest.h";
  }
  if (!include.quoted) {
    const bool allowed =
        std::any_of(row.thirdParty.begin(), row.thirdParty.end(), [&](const ThirdParty& library) {
          return header.starts_with(library.header) && path.starts_with(library.files);
        });
    return isRestricted(header) && !allowed ? "this library is not allowed here" : "";
  }
  const std::string owner = header.substr(0, header.find('/'));
  if (owner == header) return "includes are written from the root";
  if (owner == module) return "";
  if (!row.modules.contains(owner)) return module + " may not include from " + owner;
  if (header.starts_with(owner + "/detail/")) return "another module's private header";
  return "";
}

/// All that is wrong with a file, as "PATH: HEADER: why".
std::vector<std::string> violations(const Rules& rules, const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  for (const auto& include : includesOf(text)) {
    const std::string problem = problemWith(include, rules, path);
    if (!problem.empty()) found.push_back(path + ": " + include.header + ": " + problem);
  }
  return found;
}

std::string lengthProblem(const std::string& path, const std::string& text, std::size_t maxLines) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines <= maxLines) return "";
  return path + " has " + std::to_string(lines) + " lines, the limit is " + std::to_string(maxLines);
}

std::string readFile(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool isSource(const fs::path& file) {
  return file.extension() == ".h" || file.extension() == ".cpp";
}

/// The sources below a folder of the repository, as path -> text.
std::map<std::string, std::string> sourcesBelow(const std::string& folder) {
  std::map<std::string, std::string> sources;
  const fs::path root = SOURCE_DIR;
  if (!fs::exists(root / folder)) return sources;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    if (!entry.is_regular_file() || !isSource(entry.path())) continue;
    sources[entry.path().lexically_relative(root).string()] = readFile(entry.path());
  }
  return sources;
}

Rules projectRules() {
  return parseRules(readFile(fs::path(SOURCE_DIR) / "cmake/layers.txt"));
}

std::string listed(const std::vector<std::string>& problems) {
  std::string text;
  for (const auto& problem : problems)
    text += problem + "\n";
  return text;
}

TEST(Layering, ModulesIncludeOnlyWhatTheTableAllows) {
  const Rules rules = projectRules();
  std::vector<std::string> problems;
  for (const auto& [module, row] : rules) {
    for (const auto& [path, text] : sourcesBelow(module)) {
      const auto found = violations(rules, path, text);
      problems.insert(problems.end(), found.begin(), found.end());
    }
  }
  EXPECT_TRUE(problems.empty()) << listed(problems);
}

TEST(Layering, FilesStayShort) {
  std::vector<std::string> problems;
  for (const auto& [module, row] : projectRules()) {
    for (const auto& [path, text] : sourcesBelow(module))
      problems.push_back(lengthProblem(path, text, kMaxLines));
  }
  for (const auto& [path, text] : sourcesBelow("tests"))
    problems.push_back(lengthProblem(path, text, kMaxTestLines));
  std::erase(problems, "");
  EXPECT_TRUE(problems.empty()) << listed(problems);
}

TEST(Layering, TableListsEveryFolderWithSources) {
  const std::set<std::string> otherFolders = {"tests", "build", "examples", "web", "docs", "script", "cmake"};
  const Rules rules = projectRules();
  for (const auto& entry : fs::directory_iterator(SOURCE_DIR)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name.front() == '.' || otherFolders.contains(name) || rules.contains(name))
      continue;
    EXPECT_TRUE(sourcesBelow(name).empty()) << name << " has sources, but no row in cmake/layers.txt";
  }
}

TEST(Layering, TableHasNoCircles) {
  const Rules rules = projectRules();
  for (const auto& [module, row] : rules) {
    for (const auto& lower : row.modules) {
      ASSERT_TRUE(rules.contains(lower)) << module << " names " << lower << ", which has no row";
      EXPECT_FALSE(rules.at(lower).modules.contains(module))
          << module << " and " << lower << " include each other";
    }
  }
}

// The test must be able to fail: made-up files that break each rule.

Rules sampleRules() {
  return parseRules(
      "# comment\nbase: | archive@base/archive Poco/Net@base/http\nstore: base | sqlite3.h\nweb: store base "
      "| Poco/Net\n");
}

TEST(LayeringSelfTest, AcceptsAllowedIncludes) {
  EXPECT_THAT(violations(sampleRules(), "web/a.cpp",
                         "#include \"web/a.h\"\n#include \"web/detail/b.h\"\n#include \"store/c.h\"\n"
                         "#include <Poco/Net/X.h>\n#include <Poco/JSON/Object.h>\n#include <Poco/Path.h>\n"
                         "#include <vector>\n#include <sys/stat.h>\n"),
              IsEmpty());
}

TEST(LayeringSelfTest, RejectsHigherModule) {
  EXPECT_THAT(violations(sampleRules(), "base/a.cpp", "#include \"store/model.h\"\n"),
              ElementsAre(HasSubstr("base may not include from store")));
}

TEST(LayeringSelfTest, RejectsUnknownModuleAndBareName) {
  EXPECT_THAT(violations(sampleRules(), "store/a.cpp", "#include \"tests/x.h\"\n # include \"a.h\"\n"),
              ElementsAre(HasSubstr("may not include from tests"), HasSubstr("from the root")));
}

TEST(LayeringSelfTest, RejectsForeignDetailHeader) {
  EXPECT_THAT(violations(sampleRules(), "store/a.cpp", "#include \"base/detail/x.h\"\n"),
              ElementsAre(HasSubstr("private header")));
}

TEST(LayeringSelfTest, RejectsForeignLibrary) {
  EXPECT_THAT(violations(sampleRules(), "base/a.cpp",
                         "#include <sqlite3.h>\n#include <git2.h>\n#include <git2/sys/odb_backend.h>\n"
                         "#include <libssh/server.h>\n#include <openssl/evp.h>\n#include <libdeflate.h>\n"),
              testing::SizeIs(6));
}

TEST(LayeringSelfTest, TiesLibraryToItsFiles) {
  const std::string text = "#include <archive.h>\n#include <archive_entry.h>\n";
  EXPECT_THAT(violations(sampleRules(), "base/archive_pack.cpp", text), IsEmpty());
  EXPECT_THAT(violations(sampleRules(), "base/gzip.cpp", text), testing::SizeIs(2));
}

TEST(LayeringSelfTest, RejectsOtherPocoLibraries) {
  EXPECT_THAT(
      violations(sampleRules(), "store/a.cpp", "#include <Poco/Net/Socket.h>\n#include <Poco/Util/X.h>\n"),
      testing::SizeIs(2));
}

TEST(LayeringSelfTest, KeepsModelPlain) {
  const std::string text =
      "#include <string>\n#include \"base/digest.h\"\n#include \"base/error.h\"\n#include <Poco/Path.h>\n";
  EXPECT_THAT(violations(sampleRules(), "store/model.h", text),
              ElementsAre(HasSubstr("base/error.h"), HasSubstr("Poco/Path.h")));
}

TEST(LayeringSelfTest, CountsLines) {
  EXPECT_EQ(lengthProblem("a.cpp", std::string(600, '\n'), 600), "");
  EXPECT_THAT(lengthProblem("a.cpp", std::string(601, '\n'), 600), HasSubstr("601"));
}

}  // namespace
