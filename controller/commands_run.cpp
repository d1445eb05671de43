// run, run:stop, ps:exec
#include "base/error.h"
#include "base/strings.h"
#include "controller/command_set.h"
#include "controller/run_operations.h"

namespace controller {
namespace {

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

int run(const Invocation& call) {
  const store::App app = call.app();
  const RunWish wish = wishOf(call, call.args);
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
       "[--detached] [--timeout S] [--env K=V] CMD... -a APP",
       "run a command in the app's newest release",
       1,
       1000,
       {"detached", "timeout=", "env=", "no-tty"},
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
