#include "runner/detail/exec_in_process.h"

#include <fcntl.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "runner/detail/process.h"
#include "runner/detail/terminal_link.h"

namespace runner::detail {
namespace {

constexpr std::chrono::milliseconds kKillGrace{5000};
constexpr std::uint32_t kUser = 1000;  // as launch_plan.cpp has it
constexpr int kTimedOut = 124;
// The terminal is descriptor 3. A session of its own, so that the terminal's keys reach all that it starts.
constexpr const char* kWithTerminal = "exec setsid --ctty --wait /fairlead/start \"$@\" <&3 >&3 2>&3 3>&-";
// Not a login shell: /etc/profile would replace the PATH that the slug's .profile.d has made.
constexpr const char* kShell = "if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi";

std::vector<std::string> wordsOf(const Exec& wanted) {
  return wanted.command.empty() ? std::vector<std::string>{"/bin/sh", "-c", kShell} : wanted.command;
}

sandbox::ExecSpec specOf(const Exec& wanted, bool terminal) {
  sandbox::ExecSpec spec;
  if (terminal)
    spec.argv = {"/bin/sh", "-c", kWithTerminal, "/fairlead/start"};
  else
    spec.argv = {"/fairlead/start"};
  const auto words = wordsOf(wanted);
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  return spec;
}

OneOffEnd endOf(const Exec& wanted, const sandbox::RunResult& result) {
  using End = sandbox::RunResult::End;
  OneOffEnd end{
      .name = wanted.process, .exitCode = result.status.code, .reason = describeExit(result.status)};
  if (result.end == End::timedOut) {
    end.reason =
        "was ended after " + std::to_string(wanted.timeout.count()) + " s (--timeout, or run_timeout_s)";
    end.exitCode = kTimedOut;
  } else if (result.end == End::cancelled) {
    end.reason = "was stopped";
  } else if (result.containerEnded) {
    end.reason = "was ended with " + wanted.process + ", which has ended or been replaced";
  }
  return end;
}

}  // namespace

OneOffEnd execInProcess(const ExecParts& parts, const Exec& wanted, base::Interaction& client,
                        std::stop_token stop, std::stop_source ended) {
  const std::stop_callback onStop(stop, [&] { ended.request_stop(); });
  const std::string title = wanted.command.empty() ? "a shell" : base::join(wanted.command, " ");
  const std::string told = "ps:exec in " + wanted.process;
  const sandbox::RunOptions options{
      .timeout = wanted.timeout, .stop = ended.get_token(), .killGrace = kKillGrace, .onRefusedHost = {}};
  parts.log.append(wanted.app, "run",
                   told + " started by " + wanted.user + ": " + base::printable(title, 200));
  sandbox::ExecSpec spec = specOf(wanted, client.terminal().has_value());
  sandbox::RunResult result;
  if (client.terminal()) {
    base::DiscardSink rest;
    const TerminalLink link(client, parts.trees, {.uid = kUser, .gid = kUser}, ended);
    spec.terminal = &link.terminal();
    spec.environment.emplace_back("TERM", client.terminalType().empty() ? "xterm" : client.terminalType());
    result = parts.runtime.exec(wanted.container, spec, rest, options);
  } else {
    const InputPipe pipe(client, parts.folder / ("exec-" + base::randomHex(8)));
    client.begin([](base::TerminalSize) {});
    const base::Fd input = base::openFile(pipe.path(), O_RDONLY);
    spec.input = &input;
    result = parts.runtime.exec(wanted.container, spec, client.output(), options);
  }
  const OneOffEnd end = endOf(wanted, result);
  parts.log.append(wanted.app, "run", told + " " + end.reason);
  return end;
}

}  // namespace runner::detail
