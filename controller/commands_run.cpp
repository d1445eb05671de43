// run, run:stop, ps:exec
#include "base/error.h"
#include "base/size.h"
#include "base/strings.h"
#include "controller/app_limits.h"
#include "controller/command_set.h"
#include "controller/run_operations.h"

namespace controller {
namespace {

/// Less than this starts no interpreter.
constexpr std::uint64_t kLeastMemory = 16u << 20;

/// A door without a client of its own: what it was given beforehand, and the command's output.
class PlainClient : public base::Interaction {
 public:
  explicit PlainClient(CommandIo& io) : io_(io) {}
  std::optional<base::TerminalSize> terminal() const override { return std::nullopt; }
  std::string terminalType() const override { return ""; }
  void begin(std::function<void(base::TerminalSize)>) override {}
  base::ByteSink& output() override { return io_.out; }
  void endInput() override {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = io_.input.copy(buffer, capacity, at_);
    at_ += count;
    return count;
  }

 private:
  CommandIo& io_;
  std::size_t at_ = 0;
};

/// A terminal's client with its terminal left out: line ends stay as they are.
class Untied : public base::Interaction {
 public:
  explicit Untied(base::Interaction& client) : client_(client) {}
  std::optional<base::TerminalSize> terminal() const override { return std::nullopt; }
  std::string terminalType() const override { return ""; }
  void begin(std::function<void(base::TerminalSize)>) override {}
  base::ByteSink& output() override { return client_.output(); }
  void endInput() override { client_.endInput(); }
  std::size_t read(char* buffer, std::size_t capacity) override { return client_.read(buffer, capacity); }

 private:
  base::Interaction& client_;
};

/// "A=1;B=2"
store::ConfigVars environmentOf(const Invocation& call) {
  store::ConfigVars environment;
  const auto text = call.option("env");
  if (!text) return environment;
  for (const std::string& word : base::split(*text, ';')) {
    const auto equals = word.find('=');
    if (equals == 0 || equals == std::string::npos || word.find('\0') != std::string::npos)
      throw base::Error(base::Errc::invalidArgument, "--env takes NAME=VALUE, or several with ; between");
    environment[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return environment;
}

RunWish wishOf(const Invocation& call, std::vector<std::string> command) {
  RunWish wish{.command = std::move(command), .environment = environmentOf(call), .user = call.caller.user};
  if (call.option("timeout")) {
    wish.timeout = std::chrono::seconds(call.number("timeout", 0));
    if (wish.timeout->count() == 0)
      throw base::Error(base::Errc::invalidArgument, "--timeout takes seconds, from 1 on");
  }
  return wish;
}

/// Calls `attached` with the client as the command was told to see it.
template <typename Attached>
runner::OneOffEnd withClient(const Invocation& call, const Attached& attached) {
  PlainClient plain(call.io);
  base::Interaction& client = call.io.interaction == nullptr ? plain : *call.io.interaction;
  Untied untied(client);
  return attached(call.flag("no-tty") ? static_cast<base::Interaction&>(untied) : client);
}

/// --memory and --cpus, which only a container of its own can have.
void addSize(const Invocation& call, RunWish& wish) {
  const ServiceLimits& limits = call.parts.serviceLimits;
  if (const auto memory = call.option("memory")) {
    wish.memoryBytes = parseLimit({"--memory", AppLimit::Unit::bytes, false, ""}, *memory);
    if (wish.memoryBytes < kLeastMemory)
      throw base::Error(base::Errc::invalidArgument,
                        "--memory must be at least " + base::exactSize(kLeastMemory));
    if (wish.memoryBytes > limits.runMemoryMaxBytes)
      throw base::Error(base::Errc::invalidArgument, "--memory may be at most " +
                                                         base::exactSize(limits.runMemoryMaxBytes) +
                                                         ": the setting run_memory_max_bytes");
  }
  if (const auto cpus = call.option("cpus")) {
    constexpr double kMillis = 1000;
    wish.cpus = static_cast<double>(parseLimit({"--cpus", AppLimit::Unit::cpus, false, ""}, *cpus)) / kMillis;
    if (limits.runCpusMax > 0 && wish.cpus > static_cast<double>(limits.runCpusMax))
      throw base::Error(
          base::Errc::invalidArgument,
          "--cpus may be at most " + std::to_string(limits.runCpusMax) + ": the setting run_cpus_max");
  }
}

int run(const Invocation& call) {
  const store::App app = call.app();
  RunWish wish = wishOf(call, call.args);
  addSize(call, wish);
  if (call.flag("detached")) {
    const std::string name = runDetached(call.parts, app, wish);
    auto json = base::makeJsonObject();
    json->set("name", name);
    json->set("command", base::join(call.args, " "));
    call.print(json, "Running " + base::printable(base::join(call.args, " ")) + " as " + name +
                         "; its output: fairlead logs --ps " + name + " -a " + app.name.str() + "\n");
    return 0;
  }
  const auto end = withClient(call, [&](base::Interaction& client) {
    return runAttached(call.parts, app, wish, client, call.io.stop);
  });
  if (end.exitCode == 124) call.io.err.write("fairlead: " + end.name + " " + end.reason + "\n");
  return end.exitCode;
}

int execInProcess(const Invocation& call) {
  const store::App app = call.app();
  const RunWish wish = wishOf(call, {call.args.begin() + 1, call.args.end()});
  const auto end = withClient(call, [&](base::Interaction& client) {
    return execAttached(call.parts, app, call.args[0], wish, client, call.io.stop);
  });
  // An exit code of its own says enough.
  if (!end.reason.starts_with("exited "))
    call.io.err.write("fairlead: the command in " + end.name + " " + end.reason + "\n");
  return end.exitCode;
}

int stopRun(const Invocation& call) {
  const store::App app = call.app();
  CHECK(call.parts.oneOffs != nullptr);
  call.parts.oneOffs->stop(app.name, call.args[0]);
  auto json = base::makeJsonObject();
  json->set("name", call.args[0]);
  call.print(json, "Stopping " + call.args[0] + "\n");
  return 0;
}

}  // namespace

std::vector<CommandSpec> runCommands() {
  return {
      {"run",
       "[--detached] [--timeout S] [--env K=V] [--memory SIZE] [--cpus N] CMD... -a APP",
       "run a command in the app's newest release",
       1,
       1000,
       {"detached", "timeout=", "env=", "no-tty", "memory=", "cpus="},
       run,
       Action::operateApp,
       std::nullopt,
       CommandSpec::Words::free},
      {"ps:exec",
       "[--timeout S] NAME [CMD...] -a APP",
       "run a command, or a shell, inside a running process",
       1,
       1000,
       {"timeout=", "no-tty"},
       execInProcess,
       Action::operateApp,
       std::nullopt,
       CommandSpec::Words::free},
      {"run:stop", "NAME -a APP", "end a one-off process", 1, 1, {}, stopRun, Action::operateApp},
  };
}

}  // namespace controller
