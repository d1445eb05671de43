// ssh_suite_server FOLDER: git's own test suite over the SSH server. (docs/git-test-suite.md.)
//
// Takes the place of what the server runs for its clients: the command "suite FILE" runs the program that
// FILE names (cwd, the number of arguments, the arguments, the environment; each ended by a NUL) with the
// channel as its stdin, stdout and stderr. Any key may do so: only for a machine of one's own, on loopback.
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "gitd/detail/serve_command.h"
#include "gitd/repository.h"
#include "gitd/ssh_server.h"

namespace {

constexpr std::size_t kPiece = 64u << 10;

class AnybodysHandler : public gitd::PushHandler {
 public:
  std::optional<gitd::Identity> findIdentity(const std::string& fingerprint) override {
    return gitd::Identity{"suite", fingerprint};
  }
  std::optional<gitd::RepositoryAccess> openRepository(const gitd::Identity&, const std::string&) override {
    return std::nullopt;
  }
  std::optional<std::string> refuseUpdate(const gitd::Identity&, const gitd::RepositoryAccess&,
                                          const gitd::RefUpdate&) override {
    return "not here";
  }
  std::optional<std::string> refuseOptions(const std::vector<std::string>&) override { return std::nullopt; }
  gitd::PushOutcome push(const gitd::PushRequest&, base::ByteSink&, std::stop_token) override { return {}; }
  int runCommand(const gitd::Identity&, const std::vector<std::string>&, gitd::CommandStreams&,
                 std::stop_token) override {
    return 1;
  }
};

base::ChildSpec readCommand(const std::string& file) {
  std::vector<std::string> words = base::split(base::readFile(file), '\0');
  if (words.size() < 3) throw base::Error(base::Errc::invalidArgument, "not a command's file: " + file);
  words.pop_back();  // behind the last NUL
  const auto arguments = static_cast<std::ptrdiff_t>(std::stoul(words[1]));
  base::ChildSpec spec;
  spec.workingDirectory = words[0];
  spec.argv.assign(words.begin() + 2, words.begin() + 2 + arguments);
  spec.environment.emplace(words.begin() + 2 + arguments, words.end());
  return spec;
}

void feed(gitd::detail::ChannelIo& io, base::Fd to) {
  std::string buffer(kPiece, '\0');
  try {
    while (const std::size_t count = io.read(buffer.data(), buffer.size()))
      base::writeAll(to, std::string_view(buffer).substr(0, count));
  } catch (const std::exception&) {
    // The program has ended, or the client has.
  }
}

template <typename Write>
void drain(const base::Fd& from, Write write) {
  std::string buffer(kPiece, '\0');
  while (const std::size_t count = base::readSome(from, buffer.data(), buffer.size()))
    write(std::string_view(buffer).substr(0, count));
}

int serveProgram(gitd::detail::ChannelIo& io, const std::string& commandLine) {
  constexpr std::string_view kWord = "suite ";
  if (!commandLine.starts_with(kWord)) throw base::Error(base::Errc::invalidArgument, "not of the suite");
  base::ChildSpec spec = readCommand(commandLine.substr(kWord.size()));
  auto [inRead, inWrite] = base::makePipe();
  auto [outRead, outWrite] = base::makePipe();
  auto [errRead, errWrite] = base::makePipe();
  spec.fds = {{&inRead, 0}, {&outWrite, 1}, {&errWrite, 2}};
  base::ChildProcess child = base::ChildProcess::spawn(spec);
  inRead.reset();
  outWrite.reset();
  errWrite.reset();
  std::jthread input([&io, to = std::move(inWrite)]() mutable { feed(io, std::move(to)); });
  std::jthread errors([&io, from = std::move(errRead)] {
    drain(from, [&](std::string_view text) { io.writeText(gitd::detail::ChannelIo::Stream::err, text); });
  });
  drain(outRead, [&](std::string_view bytes) { io.write(bytes); });
  outRead.reset();
  errors.join();
  const base::ExitStatus status = child.wait();
  io.endInput();  // wakes the thread that reads
  return status.signal != 0 ? 128 + status.signal : status.code;
}

}  // namespace

// In the place of the library's function: the linker takes what it finds first.
void gitd::detail::serveCommand(const ServiceContext& context, const ExecRequest& request) noexcept {
  int status = 1;
  try {
    status = serveProgram(context.io, request.commandLine);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
  }
  context.io.finish(status);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: ssh_suite_server FOLDER\n";
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const std::filesystem::path folder = argv[1];
  const gitd::GitLibrary library;
  base::Metrics metrics;
  AnybodysHandler handler;
  gitd::SshServerConfig config;
  config.hostKeyFile = folder / "host_key";
  gitd::SshServer server(config, base::listenTcp("127.0.0.1:0", "ssh_listen"), handler, metrics);
  const std::string address = server.address();
  base::writeFileAtomically(folder / "port", address.substr(address.rfind(':') + 1) + "\n");
  int number = 0;
  sigwait(&ends, &number);
  server.stop(std::chrono::seconds(1));
  return 0;
}
