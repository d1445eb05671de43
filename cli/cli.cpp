#include "cli/cli.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "base/child_process.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/version.h"
#include "cli/detail/answer_reader.h"
#include "cli/detail/command_request.h"
#include "cli/detail/connection.h"
#include "cli/detail/download.h"
#include "cli/detail/init.h"
#include "cli/detail/input_relay.h"
#include "cli/detail/interrupt.h"
#include "cli/detail/server_address.h"
#include "cli/detail/surroundings.h"
#include "cli/detail/upload.h"

extern char** environ;

namespace cli {
namespace {

using base::Errc;
using base::Error;

constexpr int kInterruptedStatus = 130;
constexpr int kClosedPipeStatus = 141;  // as if SIGPIPE had ended it

constexpr const char* kUsage =
    "usage: fairlead [--data DIR] COMMAND [ARGUMENTS] [-a APP] [--json]\n"
    "       fairlead serve [--data DIR]      run the server\n"
    "       fairlead restore FILE --data DIR\n"
    "       fairlead init [NAME]             make an app for this folder\n"
    "       fairlead run-slug URL|FILE TYPE  run a slug without a server\n"
    "       fairlead doctor                  what this machine lacks to serve\n"
    "       fairlead completion bash|zsh|fish, fairlead man, fairlead version\n"
    "\n"
    "A running server lists its commands: fairlead help\n"
    "It is looked for at --data DIR, FAIRLEAD_URL (with FAIRLEAD_TOKEN), FAIRLEAD_DATA, or the default "
    "folder.\n";

/// stdout or stderr of this process.
class StandardSink : public base::ByteSink {
 public:
  explicit StandardSink(int number) : number_(number) {}
  bool closed() const noexcept { return closed_; }

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto written = ::write(number_, bytes.data(), bytes.size());
      if (written >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        closed_ = errno == EPIPE;
        base::throwErrno(errno, "writing the output");
      }
    }
  }

 private:
  const int number_;
  bool closed_ = false;
};

std::string readStandardInput(std::size_t maxBytes) {
  std::string text;
  std::string buffer(64u << 10, '\0');
  for (;;) {
    const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throwErrno(errno, "reading the input");
    if (count == 0) return text;
    text.append(buffer, 0, static_cast<std::size_t>(count));
    if (text.size() > maxBytes)
      throw Error(Errc::invalidArgument, "the input is longer than " + std::to_string(maxBytes) + " bytes");
  }
}

/// Switches the terminal's echo off, and on again.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    isTerminal_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (isTerminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool isTerminal_ = false;
};

std::string readSecret(base::ByteSink& err, const std::string& prompt) {
  constexpr std::size_t kMaxSecret = 64u << 10;
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (!terminal) {
    const std::string input = readStandardInput(kMaxSecret);
    return input.substr(0, input.find('\n'));
  }
  const SilentTerminal silent;
  err.write(prompt);
  std::string line;
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && line.size() < kMaxSecret)
    line += c;
  err.write("\n");
  return line;
}

std::map<std::string, std::string> readEnvironment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

detail::Surroundings ownSurroundings(StandardSink& out, StandardSink& err) {
  detail::Surroundings surroundings;
  surroundings.environment = readEnvironment();
  surroundings.currentFolder = std::filesystem::current_path();
  surroundings.isRoot = ::geteuid() == 0;
  static const base::SystemClock clock;
  surroundings.terminal = ::isatty(STDOUT_FILENO) == 1;
  surroundings.errTerminal = ::isatty(STDERR_FILENO) == 1;
  surroundings.clock = &clock;
  surroundings.inputFd = STDIN_FILENO;
  surroundings.readInput = readStandardInput;
  surroundings.readSecret = [&err](const std::string& prompt) { return readSecret(err, prompt); };
  surroundings.out = &out;
  surroundings.err = &err;
  return surroundings;
}

bool isHelp(const std::vector<std::string>& words) {
  return words.empty() || words[0] == "help" || words[0] == "--help" || words[0] == "-h";
}

int printVersion(const detail::Surroundings& surroundings, const std::vector<std::string>& words) {
  if (words.size() > 1 && words[1] == "--json") {
    auto object = base::makeJsonObject();
    object->set("version", std::string(base::kVersion));
    surroundings.out->write(base::toJson(object) + "\n");
  } else {
    surroundings.out->write("fairlead " + std::string(base::kVersion) + "\n");
  }
  return 0;
}

int statusOf(const Error& failure) {
  return failure.code() == Errc::invalidArgument ? 2 : 1;
}

/// With stderr gone too there is nobody left to tell.
void complain(std::string_view message) noexcept {
  std::fprintf(stderr, "fairlead: %.*s\n", static_cast<int>(message.size()), message.data());
}

}  // namespace

namespace detail {

namespace {

/// However long it lets pushes under way finish; an interrupt ends the wait.
void awaitEnd(const base::Fd& process) {
  pollfd waiting{.fd = process.get(), .events = POLLIN, .revents = 0};
  while (::poll(&waiting, 1, -1) < 0) {
    if (errno != EINTR) base::throwErrno(errno, "waiting for the server's end");
  }
}

int runAt(const ServerAddress& server, const Surroundings& given, const std::vector<std::string>& words) {
  Surroundings surroundings = given;
  if (std::find(words.begin(), words.end(), "--json") != words.end()) surroundings.errTerminal = false;
  CommandRequest request = makeRequest(surroundings, words);
  uploadSource(server, surroundings, request);
  const auto connection = Connection::open(server);
  const Answer answer = connection->post("/fairlead/commands", toBody(request));
  if (answer.status != 200) {
    throw Error(Errc::unavailable,
                errorMessage(*answer.body,
                             "the server answered " + std::to_string(answer.status) + " " + answer.reason));
  }
  std::optional<RawTerminal> raw;
  std::optional<InputRelay> relay;
  base::Fd endingServer;
  const bool local = std::holds_alternative<LocalServer>(server);
  const int status =
      followAnswer(*answer.body, surroundings,
                   {.save =
                        [&](const SavedFile& saved) {
                          checkFileName(request.argv, surroundings, saved.file);
                          download(server, saved, surroundings);
                        },
                    .input = [&](const std::string& path) { relay.emplace(server, path, surroundings); },
                    .raw = [&] { raw.emplace(surroundings.inputFd); },
                    .ending =
                        [&](pid_t pid) {
                          if (local) endingServer = base::openPidFd(pid);
                        }});
  if (endingServer.valid()) awaitEnd(endingServer);
  return status;
}

class TextSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text += bytes; }
  std::string text;
};

Told askAt(const ServerAddress& server, const Surroundings& surroundings,
           const std::vector<std::string>& argv) {
  TextSink out;
  TextSink err;
  Surroundings quiet = surroundings;
  quiet.out = &out;
  quiet.err = &err;
  const int status = runAt(server, quiet, argv);
  return {status, out.text, err.text};
}

}  // namespace

int runIn(const Surroundings& surroundings, const std::vector<std::string>& args) {
  std::vector<std::string> words = args;
  const ServerAddress server = chooseServer(surroundings, words);
  if (!words.empty() && (words[0] == "version" || words[0] == "--version"))
    return printVersion(surroundings, words);
  if (!words.empty() && words[0] == "init")
    return initApp(surroundings, {words.begin() + 1, words.end()},
                   [&](const auto& argv) { return askAt(server, surroundings, argv); });
  if (isHelp(words)) {
    if (!Connection::tryOpen(server)) {
      surroundings.out->write(kUsage);
      return 0;
    }
    if (words.empty() || words[0] != "help") words = {"help"};
  }
  return runAt(server, surroundings, words);
}

}  // namespace detail

void fetch(const std::string& url, const std::filesystem::path& file) {
  StandardSink out(STDOUT_FILENO);
  StandardSink err(STDERR_FILENO);
  detail::fetchUrl(url, file, ownSurroundings(out, err));
}

int run(const std::vector<std::string>& args) {
  const detail::Interrupt interrupt;
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), and the end of the command
  StandardSink out(STDOUT_FILENO);
  StandardSink err(STDERR_FILENO);
  int status = 1;
  std::string message;
  try {
    return detail::runIn(ownSurroundings(out, err), args);
  } catch (const Error& failure) {
    status = statusOf(failure);
    message = failure.what();
  } catch (const std::exception& failure) {
    message = failure.what();
  }
  if (out.closed() || err.closed()) return kClosedPipeStatus;
  if (detail::Interrupt::requested()) return kInterruptedStatus;
  complain(message);
  return status;
}

}  // namespace cli
