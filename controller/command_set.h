// The commands: one implementation for the machine's own client, the API and SSH.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "base/interaction.h"
#include "base/json.h"
#include "controller/access.h"
#include "controller/accounts.h"
#include "controller/app_limits.h"
#include "controller/app_locks.h"
#include "controller/build_view.h"
#include "controller/collection.h"
#include "controller/data_folder.h"
#include "controller/deployer.h"
#include "controller/image_publisher.h"
#include "controller/public_urls.h"
#include "controller/releases.h"
#include "controller/scrubbing.h"
#include "controller/service_limits.h"
#include "controller/source_store.h"
#include "controller/stack_service.h"
#include "registry/registry_credentials.h"
#include "registry/web_options.h"
#include "runner/app_log.h"
#include "runner/engine.h"
#include "runner/one_off.h"
#include "sandbox/container.h"
#include "sandbox/foreign_trees.h"
#include "store/release_store.h"

namespace controller {

class Backups;
class CronScheduler;
class Doctor;
class LogDrains;
class ReleasePhase;
class Rendezvous;

/// Who asks.
using Caller = Identity;

/// What a client fetches from this server into a file of its own.
struct Download {
  enum class Kind { plain, secret };  ///< secret: nobody else may read the file
  std::string path;
  std::string file;
  Kind kind = Kind::plain;
};

/// What a command reads and writes.
struct CommandIo {
  base::ByteSink& out;
  base::ByteSink& err;
  /// Tells the client to fetch what it says; null where the door has no files (SSH).
  std::function<void(const Download&)> save;
  std::string input;       ///< text given with the command (a public key)
  std::string defaultApp;  ///< from the client's git remote
  std::stop_token stop;
  base::Interaction* interaction =
      nullptr;  ///< the client, where the door has one that a command can talk with
  std::function<void()> ending = nullptr;  ///< tells the client to wait until this process has ended
};

/// Everything that commands work with; all outlive the set.
struct CommandParts {
  const DataFolder& folder;
  const PublicUrls& urls;
  store::ReleaseStore& store;
  store::AccountStore& accounts;
  const Access& access;
  const Accounts& keysAndTokens;
  Deployer& deployer;
  Releases& releases;
  StackService& stacks;
  runner::Engine& engine;
  runner::AppLog& appLog;
  sandbox::ContainerRuntime& runtime;
  sandbox::ForeignTrees& trees;
  AppLocks& locks;
  Collection& collection;
  Scrubbing& scrubbing;
  ImagePublisher& publisher;
  store::PublicationStore& publications;
  registry::RegistryCredentials& credentials;
  const registry::WebOptions& web;  ///< how other registries are reached
  const AppLimits& limits;
  const SourceStore& sources;
  const BuildView& buildView;
  const base::Clock& clock;
  std::function<void(bool stopProcesses)> shutdown;  ///< asks the daemon to end
  ServiceLimits serviceLimits = {};
  runner::OneOffRunner* oneOffs = nullptr;
  LogDrains* drains = nullptr;
  ReleasePhase* releasePhase = nullptr;
  Backups* backups = nullptr;
  const Doctor* doctor = nullptr;
  Rendezvous* rendezvous = nullptr;
  CronScheduler* cron = nullptr;
};

/// One call of a command, parsed.
struct Invocation {
  const CommandParts& parts;
  const Caller& caller;
  CommandIo& io;
  std::vector<std::string> args;
  std::map<std::string, std::string> options;  ///< "app" -> "hello"; flags have ""
  Action action = Action::administer;          ///< that the command needs

  bool flag(const std::string& name) const { return options.count(name) != 0; }
  std::optional<std::string> option(const std::string& name) const;
  /// The app named by -a or the client's git remote, with which the caller may do what the command needs;
  /// throws invalidArgument, notFound (also for an app that the caller may not view) or permissionDenied.
  store::App app() const;
  /// Throws permissionDenied.
  void require(Action other) const { parts.access.require(caller, other); }
  /// A whole number option; throws invalidArgument naming it.
  std::size_t number(const std::string& name, std::size_t otherwise) const;
  void print(std::string_view text) const { io.out.write(text); }
  /// With --json prints it, else the text.
  void print(const base::JsonObject::Ptr& json, const std::string& text) const;
  void print(const base::JsonArray::Ptr& json, const std::string& text) const;
};

struct CommandSpec {
  std::string name;
  std::string arguments;  ///< for usage: "[NAME]"
  std::string help;       ///< one line
  std::size_t minArgs = 0;
  std::size_t maxArgs = 0;
  std::vector<std::string> options;  ///< beside json, app and help: "lines=" takes a value, "tail" is a flag
  std::function<int(const Invocation&)> run;
  /// Asked before it runs, about the app when it is about one.
  Action action = Action::administer;
  /// Asked instead when the action is about an app and the call names none; nullopt: it has to name one.
  std::optional<Action> withoutApp = std::nullopt;
  /// free: behind the first word, what is no option here is a word as well: they are a command line.
  enum class Words { fixed, free } words = Words::fixed;
  std::string example = {};  ///< what follows "fairlead "; of command_examples.cpp
};

/// Every command there is.
std::vector<CommandSpec> allCommands();
/// The short spellings of options: "-a" is --app.
const std::map<std::string, std::string>& shortOptions();
/// A command line that shows what it is for, without "fairlead"; empty for an unknown name.
std::string exampleOf(const std::string& command);
/// Usage, what it does, its options and an example, as --help shows it.
std::string helpOf(const CommandSpec& spec);

/// Thread-safe; run() catches everything and answers with an exit code: 0 done, 1 failed, 2 usage. Errors are
/// one line on `err`.
class CommandSet {
 public:
  explicit CommandSet(CommandParts parts);
  int run(const Caller& caller, const std::vector<std::string>& argv, CommandIo io);
  const std::vector<CommandSpec>& specs() const noexcept { return specs_; }

 private:
  int dispatch(const Caller& caller, const std::vector<std::string>& argv, CommandIo& io);
  int help(CommandIo& io, const std::string& about) const;
  int helpJson(CommandIo& io) const;
  int unknown(CommandIo& io, const std::string& name) const;
  const CommandParts parts_;
  std::vector<CommandSpec> specs_;
};

/// The groups, each in a file of its own.
std::vector<CommandSpec> accessCommands();
std::vector<CommandSpec> accountCommands();
std::vector<CommandSpec> appCommands();
std::vector<CommandSpec> backupCommands();
std::vector<CommandSpec> buildpackCommands();
std::vector<CommandSpec> collectionCommands();
std::vector<CommandSpec> checkCommands();
std::vector<CommandSpec> configCommands();
std::vector<CommandSpec> cronCommands();
std::vector<CommandSpec> doctorCommands();
std::vector<CommandSpec> domainCommands();
std::vector<CommandSpec> drainCommands();
std::vector<CommandSpec> featureCommands();
std::vector<CommandSpec> limitCommands();
std::vector<CommandSpec> networkCommands();
std::vector<CommandSpec> publishCommands();
std::vector<CommandSpec> registryCommands();
std::vector<CommandSpec> releaseCommands();
std::vector<CommandSpec> processCommands();
std::vector<CommandSpec> runCommands();
std::vector<CommandSpec> scrubCommands();
std::vector<CommandSpec> serverCommands();
std::vector<CommandSpec> stackCommands();
std::vector<CommandSpec> volumeCommands();

}  // namespace controller
