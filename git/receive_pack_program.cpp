#include "git/receive_pack_program.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "base/version.h"
#include "git/detail/find_repository.h"
#include "git/detail/hook_backend.h"
#include "git/detail/program.h"
#include "git/receive_pack.h"
#include "git/stdio_wire.h"

namespace git {
namespace {

namespace fs = std::filesystem;
using detail::complain;
using detail::DenyAction;
using detail::FoundRepository;
using detail::HookBackend;
using detail::kDied;
using detail::kUsage;
using detail::PushRules;
using detail::RepositoryConfig;

constexpr std::size_t kMaxSkipList = 64u << 20;

struct CommandLine {
  std::string folder;
  ReceiveMode mode = ReceiveMode::full;
};

std::optional<CommandLine> parseWords(const std::vector<std::string>& words) {
  CommandLine line;
  bool onlyFolders = false;
  for (const std::string& word : words) {
    if (!onlyFolders && word == "--") {
      onlyFolders = true;
    } else if (!onlyFolders && word == "--stateless-rpc") {
      if (line.mode == ReceiveMode::full) line.mode = ReceiveMode::stateless;
    } else if (!onlyFolders && (word == "--advertise-refs" || word == "--http-backend-info-refs")) {
      line.mode = ReceiveMode::advertiseOnly;
    } else if (!onlyFolders && (word == "-q" || word == "--quiet" || word == "--no-quiet")) {
      continue;  // there is nothing to be quiet about
    } else if ((!onlyFolders && word.starts_with('-') && word != "-") || !line.folder.empty()) {
      return std::nullopt;
    } else {
      line.folder = word;
    }
  }
  if (line.folder.empty()) return std::nullopt;
  return line;
}

DenyAction denyAction(const RepositoryConfig& config, std::string_view key) {
  const auto value = config.text(key);
  if (!value) return DenyAction::unset;
  std::string word = *value;
  for (char& c : word)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (word == "ignore") return DenyAction::ignore;
  if (word == "warn") return DenyAction::warn;
  if (word == "refuse") return DenyAction::refuse;
  if (word == "updateinstead") return DenyAction::updateInstead;
  return config.flag(key, false) ? DenyAction::refuse : DenyAction::ignore;
}

std::string environmentOr(const char* name, const std::optional<std::string>& otherwise) {
  const char* value = std::getenv(name);
  return value && *value != '\0' ? value : otherwise.value_or("");
}

/// Who is said to have moved a ref, in its log.
std::string logIdentity(const RepositoryConfig& config) {
  std::string name = environmentOr("GIT_COMMITTER_NAME", config.text("user.name"));
  std::string mail = environmentOr("GIT_COMMITTER_EMAIL", config.text("user.email"));
  const passwd* entry = ::getpwuid(::geteuid());
  const std::string login = entry ? entry->pw_name : "unknown";
  if (mail.empty()) {
    char host[256] = "localhost";
    ::gethostname(host, sizeof host - 1);
    mail = login + "@" + host;
  }
  if (name.empty()) name = login;
  return name + " <" + mail + ">";
}

Reflog reflogOf(const FoundRepository& found) {
  Reflog reflog;
  reflog.identity = logIdentity(found.config);
  const auto value = found.config.text("core.logallrefupdates");
  const bool on = value && *value != "always" ? found.config.flag("core.logallrefupdates", false)
                                              : !found.repository.isBare();
  reflog.which = value == "always" ? Reflog::Which::all : on ? Reflog::Which::branches : Reflog::Which::none;
  return reflog;
}

PushRules rulesOf(const FoundRepository& found) {
  const RepositoryConfig& config = found.config;
  PushRules rules;
  rules.denyDeletes = config.flag("receive.denydeletes", false);
  rules.denyNonFastForwards = config.flag("receive.denynonfastforwards", false);
  rules.denyCurrentBranch = denyAction(config, "receive.denycurrentbranch");
  rules.denyDeleteCurrent = denyAction(config, "receive.denydeletecurrent");
  rules.updateServerInfo = config.flag("receive.updateserverinfo", false);
  rules.procReceiveRefs = config.all("receive.procreceiverefs");
  rules.refOptions.reflog = reflogOf(found);
  rules.refOptions.lockTimeoutMs = static_cast<int>(config.number("core.filesreflocktimeout", 100));
  rules.refOptions.packedLockTimeoutMs = static_cast<int>(config.number("core.packedrefstimeout", 1000));
  return rules;
}

fs::path expandPath(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home ? fs::path(home) / path.substr(2) : fs::path(path);
}

std::string readSkipList(const std::string& path) {
  std::error_code failure;
  if (!fs::exists(expandPath(path), failure))
    throw base::Error(base::Errc::invalidArgument, "could not open object name list: " + path);
  return base::readFile(expandPath(path), kMaxSkipList);
}

FsckPolicy policyOf(const RepositoryConfig& config, ObjectFormat format) {
  const bool on = config.tryFlag("receive.fsckobjects").value_or(config.flag("transfer.fsckobjects", false));
  if (!on) return FsckPolicy(FsckPolicy::Preset::off);
  FsckPolicy policy(FsckPolicy::Preset::strict);
  for (const auto& [id, severity] : config.below("receive.fsck.")) {
    if (id == "skiplist") {
      policy.skip(format, readSkipList(severity));
    } else if (!policy.set(id, severity)) {
      complain("warning: skipping unknown msg id '" + id + "'");
    }
  }
  return policy;
}

ReceiveSettings settingsOf(const FoundRepository& found) {
  const RepositoryConfig& config = found.config;
  ReceiveSettings settings;
  settings.agent = "git/fairlead-" + std::string(base::kVersion);
  settings.protocol = detail::requestedProtocol();
  settings.advertiseAtomic = config.flag("receive.advertiseatomic", true);
  settings.advertisePushOptions = config.flag("receive.advertisepushoptions", false);
  settings.advertiseOfsDelta = config.flag("repack.usedeltabaseoffset", true);
  settings.shallowUpdate = config.flag("receive.shallowupdate", false);
  if (config.flag("transfer.advertisesid", false))
    settings.sessionId = "fairlead-" + std::to_string(::getpid());
  std::vector<std::string> hidden = config.all("transfer.hiderefs");
  const auto more = config.all("receive.hiderefs");
  hidden.insert(hidden.end(), more.begin(), more.end());
  if (config.flag("fairlead.reachableonly", false)) settings.links = ReceiveSettings::Links::reachable;
  settings.hiddenRefs = HiddenRefs(std::move(hidden));
  settings.policy = policyOf(config, found.repository.format);
  // The owner of the machine sets the bounds here: all but the ones that no honest push comes near are off.
  constexpr auto kAny = static_cast<std::uint64_t>(INT64_MAX);
  const auto maxInput = config.number("receive.maxinputsize", 0);
  settings.limits.packBytes = {maxInput > 0 ? static_cast<std::uint64_t>(maxInput) : kAny,
                               "receive.maxInputSize"};
  settings.limits.objectBytes = {kAny, "receive.maxInputSize"};
  settings.limits.packObjects = {UINT32_MAX, "receive.maxInputSize"};
  settings.limits.treeBytes = {kAny, "receive.maxInputSize"};
  settings.limits.unpackSeconds = {kAny, "receive.maxInputSize"};
  return settings;
}

/// Hooks of a repository by itself see a short path in $0, as git's do.
fs::path hooksFolder(const FoundRepository& found) {
  if (const auto path = found.config.text("core.hookspath")) return expandPath(*path);
  const Repository& repository = found.repository;
  return repository.gitDir == repository.commonDir ? fs::path("hooks") : repository.commonDir / "hooks";
}

int serve(const CommandLine& line) {
  if (detail::refusesNamespace()) return kDied;
  const auto found = detail::findRepository(line.folder, detail::PathMatch::guess);
  if (!found) {
    complain("fatal: '" + line.folder + "' does not appear to be a git repository");
    return kDied;
  }
  const Repository& repository = found->repository;
  fs::current_path(repository.gitDir);
  ::setenv("GIT_DIR", ".", 1);
  recoverRefTransactions(repository);
  sweepQuarantines(repository.commonDir);
  const auto keepalive = std::chrono::seconds(found->config.number("receive.keepalive", 5));
  StdioWire wire({}, {.keepalive = keepalive});
  HookBackend backend(repository, rulesOf(*found), detail::Hooks(hooksFolder(*found), repository.gitDir));
  return receivePack(wire, repository, settingsOf(*found), backend, line.mode);
}

}  // namespace

int runReceivePack(const std::vector<std::string>& words) {
  const auto line = parseWords(words);
  if (!line) {
    complain("usage: fairlead receive-pack [--stateless-rpc] [--advertise-refs] DIR");
    return kUsage;
  }
  return detail::runProgram([&] { return serve(*line); });
}

}  // namespace git
