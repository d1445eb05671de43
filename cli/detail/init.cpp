#include "cli/detail/init.h"

#include <cctype>
#include <optional>

#include "base/child_process.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace cli::detail {
namespace {

using base::Errc;
using base::Error;

constexpr const char* kRemote = "fairlead";

constexpr const char* kHelp =
    "usage: fairlead init [NAME] [--json]\n"
    "\n"
    "  make an app for this folder's git repository, and add the remote fairlead\n"
    "\n"
    "Example: fairlead init hello\n";

struct Words {
  std::string name;
  bool json = false;
};

std::optional<Words> parse(const std::vector<std::string>& words) {
  Words parsed;
  for (const std::string& word : words) {
    if (word == "--json")
      parsed.json = true;
    else if (parsed.name.empty() && !word.empty() && word[0] != '-')
      parsed.name = word;
    else
      return std::nullopt;
  }
  return parsed;
}

base::CommandOutput git(const Surroundings& surroundings, std::vector<std::string> words) {
  words.insert(words.begin(), "git");
  try {
    return base::runCommand(words, {.workingDirectory = surroundings.currentFolder.string()});
  } catch (const Error& failure) {
    if (failure.code() != Errc::notFound) throw;
    throw Error(Errc::notFound, "there is no git here, and an app is pushed with it: install git");
  }
}

std::filesystem::path repositoryOf(const Surroundings& surroundings) {
  const auto found = git(surroundings, {"rev-parse", "--show-toplevel"});
  if (!found.status.ok())
    throw Error(Errc::notFound,
                "this folder is in no git repository: make one with git init, then try again");
  return std::string(base::trim(found.out));
}

void requireNoRemote(const Surroundings& surroundings) {
  const auto found = git(surroundings, {"remote", "get-url", kRemote});
  if (found.status.ok())
    throw Error(Errc::alreadyExists, "this repository has a remote fairlead already (" +
                                         base::printable(base::trim(found.out), 200) +
                                         "): push to it, or take it away with git remote remove fairlead");
}

std::string complaint(const Told& told) {
  std::string text(base::trim(told.err));
  if (text.starts_with("fairlead: ")) text.erase(0, 10);
  return base::printable(text, 1000);
}

struct Found {
  base::JsonObject::Ptr app;
  bool made = true;
};

/// An app of this name that the user sees is the user's to use; of another's nothing is told.
Found makeOrTake(const Words& words, const std::string& name, const AskServer& ask) {
  std::vector<std::string> create{"apps:create", "--json"};
  if (!name.empty()) create.push_back(name);
  const Told made = ask(create);
  if (made.status == 0) return {base::parseJsonObject(made.out, "the server's answer")};
  const Told there =
      name.empty() ? Told{.status = 1, .out = {}, .err = {}} : ask({"apps:info", "-a", name, "--json"});
  if (there.status == 0) return {base::parseJsonObject(there.out, "the server's answer"), false};
  throw Error(Errc::conflict,
              complaint(made) + (words.name.empty() ? "; name the app: fairlead init NAME" : ""));
}

}  // namespace

std::string appNameFrom(const std::string& folder) {
  constexpr std::size_t kMaxName = 30;
  std::string name;
  for (const char c : folder) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && std::isalnum(byte) != 0)
      name += static_cast<char>(std::tolower(byte));
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (!name.empty() && std::isalpha(static_cast<unsigned char>(name.front())) == 0)
    name.erase(0, 1);
  name.resize(std::min(name.size(), kMaxName));
  while (!name.empty() && name.back() == '-')
    name.pop_back();
  return name.size() < 3 ? "" : name;
}

int initApp(const Surroundings& surroundings, const std::vector<std::string>& words, const AskServer& ask) {
  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) {
    surroundings.out->write(kHelp);
    return 0;
  }
  const auto parsed = parse(words);
  if (!parsed) throw Error(Errc::invalidArgument, "usage: fairlead init [NAME] [--json]");
  const std::filesystem::path top = repositoryOf(surroundings);
  requireNoRemote(surroundings);
  const std::string wanted = parsed->name.empty() ? appNameFrom(top.filename().string()) : parsed->name;
  const Found found = makeOrTake(*parsed, wanted, ask);
  const std::string name = base::jsonString(found.app, "name");
  const std::string url = base::jsonString(found.app, "git_url");
  const auto added = git(surroundings, {"remote", "add", kRemote, url});
  if (!added.status.ok())
    throw Error(Errc::io, "the app " + name + " is there, but git did not add its remote " + url + ": " +
                              base::printable(base::trim(added.err), 300));
  const auto branch = git(surroundings, {"symbolic-ref", "--short", "HEAD"});
  const std::string head = branch.status.ok() ? std::string(base::trim(branch.out)) : "HEAD:main";
  surroundings.out->write(parsed->json ? base::toJson(found.app) + "\n"
                                       : (found.made ? "Made the app " : "Took the app that is there, ") +
                                             name + ", and added the remote fairlead (" + url +
                                             ")\nDeploy it with: git push fairlead " + head + "\n");
  return 0;
}

}  // namespace cli::detail
