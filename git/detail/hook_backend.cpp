#include "git/detail/hook_backend.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/commit.h"
#include "git/detail/proc_receive.h"
#include "git/detail/receive_objects.h"
#include "git/detail/work_tree.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

std::string commandLine(const ObjectId& oldId, const ObjectId& newId, const std::string& ref) {
  return oldId.hex() + " " + newId.hex() + " " + ref + "\n";
}

/// As hooks read it: what was done, where that is not what was asked for.
std::string commandLines(const PushCommand& command) {
  if (command.reports.empty()) return commandLine(command.oldId, command.newId, command.ref);
  std::string lines;
  for (const PushReport& report : command.reports) {
    lines += commandLine(report.oldId.value_or(command.oldId), report.newId.value_or(command.newId),
                         report.ref.value_or(command.ref));
  }
  return lines;
}

bool wasDone(const PushCommand& command) {
  return !command.refusal && !command.didNotExist;
}

}  // namespace

std::vector<std::string> HookBackend::pushEnvironment(const Push& push) const {
  std::vector<std::string> environment;
  if (push.optionsGiven) {
    environment.push_back("GIT_PUSH_OPTION_COUNT=" + std::to_string(push.options.size()));
    for (std::size_t at = 0; at < push.options.size(); ++at)
      environment.push_back("GIT_PUSH_OPTION_" + std::to_string(at) + "=" + push.options[at]);
  } else {
    environment.emplace_back("GIT_PUSH_OPTION_COUNT");
  }
  if (!push.quarantine) return environment;
  const std::string objects = push.quarantine->objects().string();
  std::string alternates = repository_.objects().string();
  if (const char* more = std::getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")) alternates.append(":").append(more);
  environment.push_back("GIT_OBJECT_DIRECTORY=" + objects);
  environment.push_back("GIT_ALTERNATE_OBJECT_DIRECTORIES=" + alternates);
  environment.push_back("GIT_QUARANTINE_PATH=" + objects);
  return environment;
}

bool HookBackend::runListHook(Push& push, const std::string& name) {
  const auto program = hooks_.find(name);
  if (!program) return true;
  HookCall call{.program = *program, .environment = pushEnvironment(push), .folder = hooks_.gitDir()};
  for (const PushCommand& command : push.commands) {
    if (name == "pre-receive" || wasDone(command)) call.input += commandLines(command);
  }
  return call.input.empty() || runHook(call, push.wire).ok();
}

void HookBackend::carryOut(Push& push) {
  forHook_ = matchProcReceive(rules_.procReceiveRefs, push.commands);
  if (!runListHook(push, "pre-receive")) {
    for (PushCommand& command : push.commands)
      command.refuse("pre-receive hook declined");
    return;
  }
  // A pusher who hung up meanwhile wants none of it.
  if (push.wire.clientClosed().stop_requested()) {
    for (PushCommand& command : push.commands)
      command.refuse("cancelled by the pusher");
    return;
  }
  if (push.quarantine) {
    push.quarantine->accept();
    push.quarantine.reset();
  }
  push.objects = openObjects(repository_, nullptr);
  checkAliases(push);
  findCheckedOut();
  runProcReceive(push);
  if (push.atomic) {
    changeAll(push);
  } else {
    changeEach(push);
  }
}

void HookBackend::runProcReceive(Push& push) {
  if (forHook_.empty()) return;
  const auto program = hooks_.find("proc-receive");
  bool done = false;
  if (!program) {
    say(push, "error: cannot find hook 'proc-receive'");
  } else {
    const HookCall call{.program = *program, .folder = hooks_.gitDir()};
    done = git::detail::runProcReceive(call, push, forHook_);
  }
  for (PushCommand& command : push.commands) {
    const bool theirs = forHook_.contains(&command);
    if (!done && !command.handled && (theirs || push.atomic)) command.refuse("fail to run proc-receive hook");
    if (theirs) command.handled = true;
  }
}

void HookBackend::checkAliases(Push& push) {
  std::unordered_map<std::string_view, PushCommand*> byName;
  for (PushCommand& command : push.commands)
    byName.emplace(command.ref, &command);
  for (PushCommand& command : push.commands) {
    if (!command.isLeft()) continue;
    std::optional<RefValue> value;
    std::string target;
    try {
      value = push.refs.read(command.ref);
      if (!value || !value->isSymbolic()) continue;
      target = push.refs.resolveName(command.ref);
    } catch (const base::Error& error) {
      if (error.code() != base::Errc::corrupt) throw;
      if (!value) continue;  // a damaged ref may still be deleted
      say(push, "error: refusing update to broken symref '" + command.ref + "'");
      command.refuse("broken symref");
      continue;
    }
    const auto other = byName.find(target);
    if (other == byName.end()) continue;
    PushCommand& same = *other->second;
    if (same.oldId == command.oldId && same.newId == command.newId) {
      command.handled = true;
      continue;
    }
    const auto range = [](const PushCommand& of) {
      return "(" + of.oldId.hex().substr(0, 7) + ".." + of.newId.hex().substr(0, 7) + ")";
    };
    say(push, "error: refusing inconsistent update between symref '" + command.ref + "' " + range(command) +
                  " and its target '" + same.ref + "' " + range(same));
    command.refuse("inconsistent aliased update");
    same.refuse("inconsistent aliased update");
  }
}

void HookBackend::findCheckedOut() {
  headTarget_ = RefStore(repository_).head().target;
  checkedOut_.clear();
  for (const CheckedOut& tree : checkedOutBranches(repository_))
    checkedOut_[tree.branch] = {tree.folder, tree.gitDir};
}

bool HookBackend::checkCurrentBranch(Push& push, PushCommand& command) {
  const auto tree = checkedOut_.find(command.ref);
  if (tree == checkedOut_.end() || tree->second.folder.empty()) return true;
  switch (rules_.denyCurrentBranch) {
    case DenyAction::ignore:
    case DenyAction::updateInstead:
      return true;
    case DenyAction::warn:
      say(push, "warning: updating the current branch");
      return true;
    case DenyAction::unset:
    case DenyAction::refuse:
      break;
  }
  say(push, "error: refusing to update checked out branch: " + command.ref);
  if (rules_.denyCurrentBranch == DenyAction::unset) {
    say(push,
        "error: The branch is checked out there, and a push does not change that work tree. Push to another "
        "branch, or set\nerror: 'receive.denyCurrentBranch' in the remote repository to 'updateInstead', "
        "'warn' or 'ignore'.");
  }
  command.refuse("branch is currently checked out");
  return false;
}

bool HookBackend::checkDeletion(Push& push, PushCommand& command) {
  if (!command.isDelete() || command.isCreate()) return true;
  if (rules_.denyDeletes && command.ref.starts_with("refs/heads/")) {
    say(push, "error: denying ref deletion for " + command.ref);
    command.refuse("deletion prohibited");
    return false;
  }
  if (!checkedOut_.contains(command.ref) && command.ref != headTarget_) return true;
  if (rules_.denyDeleteCurrent == DenyAction::ignore) return true;
  if (rules_.denyDeleteCurrent == DenyAction::warn) {
    say(push, "warning: deleting the current branch");
    return true;
  }
  if (rules_.denyDeleteCurrent == DenyAction::unset) {
    say(push,
        "error: By default, deleting the current branch is denied: a clone would check nothing out. Set\n"
        "error: 'receive.denyDeleteCurrent' in the remote repository to 'warn' or 'ignore' to allow it.");
  }
  say(push, "error: refusing to delete the current branch: " + command.ref);
  command.refuse("deletion of the current branch prohibited");
  return false;
}

bool HookBackend::checkFastForward(Push& push, PushCommand& command) {
  if (!rules_.denyNonFastForwards || command.isDelete() || command.isCreate() ||
      !command.ref.starts_with("refs/heads/"))
    return true;
  const auto oldHeader = push.objects->findHeader(command.oldId);
  const auto newHeader = push.objects->findHeader(command.newId);
  if (!oldHeader || !newHeader || oldHeader->type != ObjectType::commit ||
      newHeader->type != ObjectType::commit) {
    command.refuse("bad ref");
    return false;
  }
  if (isAncestor(*push.objects, command.oldId, command.newId)) return true;
  say(push, "error: denying non-fast-forward " + command.ref + " (you should pull first)");
  command.refuse("non-fast-forward");
  return false;
}

bool HookBackend::runUpdateHook(Push& push, PushCommand& command) {
  const auto program = hooks_.find("update");
  if (!program) return true;
  const HookCall call{.program = *program,
                      .arguments = {command.ref, command.oldId.hex(), command.newId.hex()},
                      .folder = hooks_.gitDir()};
  if (runHook(call, push.wire).ok()) return true;
  say(push, "error: hook declined to update " + command.ref);
  command.refuse("hook declined");
  return false;
}

std::optional<std::string> HookBackend::updateWorkTree(Push& push, const PushCommand& command,
                                                       const WorkTree& tree) {
  const std::vector<std::string> environment = {"GIT_DIR=" + tree.gitDir.string(),
                                                "GIT_WORK_TREE=" + tree.folder.string()};
  if (const auto program = hooks_.find("push-to-checkout")) {
    const HookCall call{.program = fs::absolute(hooks_.gitDir() / *program),
                        .arguments = {command.newId.hex()},
                        .environment = environment,
                        .folder = tree.folder};
    if (runHook(call, push.wire).ok()) return std::nullopt;
    return "push-to-checkout hook declined";
  }
  const bool born = push.refs.resolve(command.ref).has_value();
  return checkOutCommit({.folder = tree.folder, .gitDir = tree.gitDir}, command.newId, born, push.wire);
}

void HookBackend::check(Push& push, PushCommand& command) {
  if (!checkCurrentBranch(push, command)) return;
  if (!command.isDelete() && !push.objects->contains(command.newId)) return command.refuse("bad pack");
  if (!checkDeletion(push, command) || !checkFastForward(push, command) || !runUpdateHook(push, command))
    return;
  const auto tree = checkedOut_.find(command.ref);
  if (tree == checkedOut_.end() || tree->second.folder.empty() || command.isDelete() ||
      rules_.denyCurrentBranch != DenyAction::updateInstead)
    return;
  if (const auto failure = updateWorkTree(push, command, tree->second)) command.refuse(*failure);
}

RefChange HookBackend::changeFor(Push& push, PushCommand& command) {
  RefChange change{command.ref, command.newId, command.oldId};
  if (!command.isDelete() || push.objects->contains(command.oldId)) return change;
  change.oldId = std::nullopt;
  bool exists = true;
  try {
    exists = push.refs.read(command.ref).has_value();
  } catch (const base::Error& error) {
    if (error.code() != base::Errc::corrupt) throw;
  }
  say(push, exists ? "warning: allowing deletion of corrupt ref" : "warning: deleting a non-existent ref");
  command.didNotExist = !exists;
  return change;
}

RefTransactionOptions HookBackend::refOptions(Push& push) {
  RefTransactionOptions options = rules_.refOptions;
  const auto program = hooks_.find("reference-transaction");
  if (!program) return options;
  options.observer = [this, &push, program](RefPhase phase, std::span<const RefChange> changes) {
    const std::string word = phase == RefPhase::prepared    ? "prepared"
                             : phase == RefPhase::committed ? "committed"
                                                            : "aborted";
    HookCall call{.program = *program, .arguments = {word}, .folder = hooks_.gitDir()};
    for (const RefChange& change : changes)
      call.input +=
          commandLine(change.oldId.value_or(ObjectId::null(repository_.format)), change.newId, change.name);
    return runHook(call, push.wire).ok();
  };
  return options;
}

void HookBackend::changeEach(Push& push) {
  const RefTransactionOptions options = refOptions(push);
  // A hook, or a work tree, may look at what the command before has done.
  const bool oneByOne = hooks_.find("update") || rules_.denyCurrentBranch == DenyAction::updateInstead;
  std::vector<PushCommand*> commands;
  std::vector<RefChange> changes;
  const auto change = [&] {
    const auto failures = changeRefs(push.refs, changes, RefMode::each, options);
    for (std::size_t at = 0; at < failures.size(); ++at) {
      if (!failures[at]) continue;
      say(push, "error: " + failures[at]->text);
      commands[at]->refuse("failed to update ref");
    }
    commands.clear();
    changes.clear();
  };
  for (PushCommand& command : push.commands) {
    if (!command.isLeft()) continue;
    check(push, command);
    if (command.refusal) continue;
    commands.push_back(&command);
    changes.push_back(changeFor(push, command));
    if (oneByOne) change();
  }
  change();
}

void HookBackend::changeAll(Push& push) {
  std::string reason = "atomic push failure";
  std::vector<RefChange> changes;
  bool failed = std::any_of(push.commands.begin(), push.commands.end(),
                            [](const PushCommand& command) { return command.refusal.has_value(); });
  for (PushCommand& command : push.commands) {
    if (failed || !command.isLeft()) continue;
    check(push, command);
    failed = command.refusal.has_value();
    if (!failed) changes.push_back(changeFor(push, command));
  }
  if (!failed) {
    for (const auto& failure : changeRefs(push.refs, changes, RefMode::atomic, refOptions(push))) {
      if (!failure) continue;
      failed = true;
      reason = "atomic transaction failed";
      if (failure->kind != RefFailure::Kind::aborted || push.commands.size() == 1)
        say(push, "error: " + failure->text);
    }
  }
  if (!failed) return;
  for (PushCommand& command : push.commands)
    command.refuse(reason);
}

void HookBackend::reported(Push& push) {
  runListHook(push, "post-receive");
  if (const auto program = hooks_.find("post-update")) {
    HookCall call{.program = *program, .folder = hooks_.gitDir()};
    for (const PushCommand& command : push.commands) {
      if (wasDone(command)) call.arguments.push_back(command.ref);
    }
    if (!call.arguments.empty()) runHook(call, push.wire);
  }
  if (rules_.updateServerInfo) updateServerInfo(repository_);
}

}  // namespace git::detail
