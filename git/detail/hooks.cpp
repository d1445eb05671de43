#include "git/detail/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "base/error.h"

extern char** environ;

namespace git::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 32u << 10;

base::ChildSpec specFor(const HookCall& call) {
  base::ChildSpec spec;
  spec.argv = {call.program.string()};
  spec.argv.insert(spec.argv.end(), call.arguments.begin(), call.arguments.end());
  spec.environment = environmentWith(call.environment);
  spec.workingDirectory = call.folder.string();
  return spec;
}

/// Copies what comes to the client's screen; false at the end.
bool copySome(const base::Fd& from, Wire& wire) {
  std::array<char, kPiece> buffer;
  const std::size_t count = base::readSome(from, buffer.data(), buffer.size());
  if (count > 0) wire.writeProgress(std::string_view(buffer.data(), count));
  return count > 0;
}

/// Writes what fits now. Empties `rest` when the reader is gone.
void feedSome(const base::Fd& to, std::string_view& rest) {
  const ssize_t count = ::write(to.get(), rest.data(), rest.size());
  if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) rest = {};
}

/// Until the hook has closed its output: feeds it and shows what it says.
void converse(base::Fd to, std::string_view input, const base::Fd& from, Wire& wire) {
  if (::fcntl(to.get(), F_SETFL, O_NONBLOCK) != 0) base::throwErrno(errno, "running a hook");
  bool open = true;
  while (open) {
    if (input.empty()) to.reset();
    std::array<pollfd, 2> wanted{{{from.get(), POLLIN, 0}, {to.get(), POLLOUT, 0}}};
    if (::poll(wanted.data(), to.valid() ? 2 : 1, -1) < 0) {
      if (errno == EINTR) continue;
      base::throwErrno(errno, "running a hook");
    }
    if (to.valid() && wanted[1].revents != 0) feedSome(to, input);
    if (wanted[0].revents != 0) open = copySome(from, wire);
  }
}

}  // namespace

std::vector<std::string> environmentWith(const std::vector<std::string>& changes) {
  const auto nameOf = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool changed = std::any_of(changes.begin(), changes.end(), [&](const std::string& change) {
      return nameOf(change) == nameOf(*entry);
    });
    if (!changed) all.emplace_back(*entry);
  }
  for (const std::string& change : changes) {
    if (change.find('=') != std::string::npos) all.push_back(change);
  }
  return all;
}

std::optional<fs::path> Hooks::find(std::string_view name) const {
  fs::path program = folder_ / name;
  const fs::path file = gitDir_ / program;
  std::error_code failure;
  if (!fs::is_regular_file(file, failure) || ::access(file.c_str(), X_OK) != 0) return std::nullopt;
  return program;
}

base::ExitStatus runHook(const HookCall& call, Wire& wire) {
  auto [inRead, inWrite] = base::makePipe();
  auto [outRead, outWrite] = base::makePipe();
  base::ChildSpec spec = specFor(call);
  spec.fds = {{&inRead, 0}, {&outWrite, 1}, {&outWrite, 2}};
  base::ChildProcess child = base::ChildProcess::spawn(spec);
  inRead.reset();
  outWrite.reset();
  converse(std::move(inWrite), call.input, outRead, wire);
  return child.wait();
}

base::ExitStatus runTalkingHook(const HookCall& call, Wire& wire,
                                const std::function<void(base::Fd& from, base::Fd& to)>& talk) {
  auto [inRead, inWrite] = base::makePipe();
  auto [outRead, outWrite] = base::makePipe();
  auto [errRead, errWrite] = base::makePipe();
  base::ChildSpec spec = specFor(call);
  spec.fds = {{&inRead, 0}, {&outWrite, 1}, {&errWrite, 2}};
  base::ChildProcess child = base::ChildProcess::spawn(spec);
  inRead.reset();
  outWrite.reset();
  errWrite.reset();
  {
    const std::jthread screen([&wire, from = std::move(errRead)] {
      while (copySome(from, wire)) {
      }
    });
    talk(outRead, inWrite);
    inWrite.reset();
    outRead.reset();
  }
  return child.wait();
}

}  // namespace git::detail
