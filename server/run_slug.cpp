#include "server/run_slug.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "builder/builder.h"
#include "cli/cli.h"

namespace server {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr const char* kHelp =
    "usage: fairlead run-slug URL|FILE TYPE [--port N] [--env K=V]... [--folder DIR]\n"
    "       fairlead run-slug URL|FILE -- COMMAND...\n"
    "\n"
    "  run a process type of a slug on this machine, without a server\n"
    "  The URL is that of fairlead slugs (blob.url), good for an hour. There is no container: the process "
    "runs as\n"
    "  you, in a folder of its own, and sees the files and the network of this machine; paths below /app in "
    "the\n"
    "  slug lead nowhere. What it needs of the stack has to be installed here.\n"
    "\n"
    "Example: fairlead run-slug hello.tgz web --port 8000\n";

// $1: the command line, $2: a folder to remove at the end, or nothing. The signals go on to the process,
// whose status is ours.
constexpr const char* kScript = R"(
cd "$HOME" || exit 1
for fairlead_script in .profile.d/*.sh .profile; do
  if [[ -r $fairlead_script ]]; then source "$fairlead_script" || :; set +eu; fi
done
trap 'kill -TERM "$fairlead_child" 2>/dev/null' TERM INT HUP
bash -c "$1" <&0 &
fairlead_child=$!
wait "$fairlead_child"; fairlead_status=$?
while kill -0 "$fairlead_child" 2>/dev/null; do wait "$fairlead_child"; fairlead_status=$?; done
[[ -z $2 ]] || rm -rf -- "$2"
exit "$fairlead_status"
)";

struct Words {
  std::string source;
  std::string type;
  std::string command;  ///< instead of a type
  std::string port = "5000";
  std::string folder;
  std::vector<std::pair<std::string, std::string>> environment;
};

[[noreturn]] void wrongUsage(const std::string& why) {
  throw Error(Errc::invalidArgument, why + "; usage: fairlead run-slug URL|FILE TYPE [--port N] [--env K=V]");
}

Words parse(const std::vector<std::string>& args) {
  Words words;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word == "--" && !words.source.empty()) {
      words.command = base::join({args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end()}, " ");
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      if (!words.type.empty()) wrongUsage("\"" + base::printable(word) + "\" is one word too many");
      (words.source.empty() ? words.source : words.type) = word;
      continue;
    }
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (equals == std::string::npos && i + 1 == args.size())
      wrongUsage(base::printable(name) + " needs a value");
    const std::string value = equals == std::string::npos ? args[++i] : word.substr(equals + 1);
    std::uint64_t port = 0;
    if (name == "--port" && base::parseNumber(value, port) && port > 0 && port < 65536)
      words.port = value;
    else if (name == "--folder")
      words.folder = value;
    else if (name == "--env" && value.find('=') != std::string::npos && value[0] != '=')
      words.environment.emplace_back(value.substr(0, value.find('=')), value.substr(value.find('=') + 1));
    else
      wrongUsage("run-slug cannot take " + base::printable(word));
  }
  if (words.source.empty() || (words.type.empty() && words.command.empty()))
    wrongUsage("something is missing");
  return words;
}

/// A folder that goes, unless it was given to the process.
class Unpacked {
 public:
  explicit Unpacked(const std::string& wanted) : temporary_(wanted.empty()) {
    folder_ = temporary_ ? fs::temp_directory_path() / ("fairlead-slug-" + base::randomHex(8))
                         : fs::absolute(wanted);
    if (fs::exists(folder_) && !fs::is_empty(folder_))
      throw Error(Errc::conflict, folder_.string() + " is not empty: name a new folder");
    fs::create_directories(folder_);
  }
  ~Unpacked() {
    if (temporary_) base::removeTree(folder_);
  }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;
  fs::path app() const { return folder_ / "app"; }
  const fs::path& folder() const noexcept { return folder_; }
  std::string toRemove() const { return temporary_ ? folder_.string() : ""; }

 private:
  fs::path folder_;
  const bool temporary_;
};

void unpack(const std::string& source, const Unpacked& unpacked) {
  fs::path file = source;
  const bool isUrl = source.find("://") != std::string::npos;
  if (isUrl) {
    file = unpacked.folder() / "slug";
    cli::fetch(source, file);
  }
  base::FileSource bytes(base::openFile(file, O_RDONLY));
  base::unpackTar(bytes, unpacked.folder(), {.keepOwners = false});
  if (isUrl) fs::remove(file);
  if (!fs::is_directory(unpacked.app()))
    throw Error(Errc::invalidArgument, "this is no slug: it holds no ./app");
}

std::string commandOf(const Words& words, const fs::path& app) {
  if (!words.command.empty()) return words.command;
  if (!fs::exists(app / "Procfile"))
    throw Error(Errc::notFound, "the slug has no Procfile: give the command, as in run-slug FILE -- COMMAND");
  const store::ProcessTypes types = builder::parseProcfile(base::readFile(app / "Procfile", 64u << 10));
  const auto found = types.find(words.type);
  if (found != types.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, command] : types)
    names.push_back(name);
  throw Error(Errc::notFound, "the slug has no process type " + base::printable(words.type) + ": it has " +
                                  base::join(names, ", "));
}

[[noreturn]] void become(const Words& words, const Unpacked& unpacked, const std::string& command) {
  ::setenv("PORT", words.port.c_str(), 1);
  ::setenv("DYNO", ((words.type.empty() ? "run" : words.type) + ".1").c_str(), 1);
  ::setenv("HOME", unpacked.app().c_str(), 1);
  for (const auto& [name, value] : words.environment)
    ::setenv(name.c_str(), value.c_str(), 1);
  const std::string remove = unpacked.toRemove();
  ::execlp("bash", "bash", "-c", kScript, "run-slug", command.c_str(), remove.c_str(), nullptr);
  base::throwErrno(errno, "starting bash");
}

}  // namespace

int runSlug(const std::vector<std::string>& args) {
  if (!args.empty() && (args[0] == "--help" || args[0] == "-h")) {
    std::cout << kHelp;
    return 0;
  }
  try {
    const Words words = parse(args);
    const Unpacked unpacked(words.folder);
    unpack(words.source, unpacked);
    const std::string command = commandOf(words, unpacked.app());
    std::cerr << "fairlead: running in " << unpacked.app().string()
              << " as you, in no container: it sees this machine's files and network\n";
    become(words, unpacked, command);
  } catch (const Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return error.code() == Errc::invalidArgument ? 2 : 1;
  }
}

}  // namespace server
