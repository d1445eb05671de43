// What a push means to a plain git repository: its settings and its hooks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "git/detail/hooks.h"
#include "git/receive_pack.h"
#include "git/ref_transaction.h"

namespace git::detail {

/// What to do about a push that is not forbidden by itself. (receive.denyCurrentBranch and its kin.)
enum class DenyAction { unset, ignore, warn, refuse, updateInstead };

/// The settings receive.* that decide about refs.
struct PushRules {
  bool denyDeletes = false;
  bool denyNonFastForwards = false;
  DenyAction denyCurrentBranch = DenyAction::unset;
  DenyAction denyDeleteCurrent = DenyAction::unset;
  bool updateServerInfo = false;
  std::vector<std::string> procReceiveRefs;
  RefTransactionOptions refOptions;
};

/// Runs the repository's hooks, in the order and with the environment of git receive-pack. (githooks.) One
/// push at a time.
class HookBackend : public PushBackend {
 public:
  HookBackend(const Repository& repository, PushRules rules, Hooks hooks)
      : repository_(repository), rules_(std::move(rules)), hooks_(std::move(hooks)) {}

  void admit(Push&) override {}
  void carryOut(Push& push) override;
  void reported(Push& push) override;
  void broken(const Push&, const base::Error&) noexcept override {}

 private:
  struct WorkTree {
    std::filesystem::path folder;  // empty: bare
    std::filesystem::path gitDir;
  };

  std::vector<std::string> pushEnvironment(const Push& push) const;
  bool runListHook(Push& push, const std::string& name);
  void markProcReceive(Push& push);
  void runProcReceive(Push& push);
  void checkAliases(Push& push);
  void findCheckedOut();
  void changeEach(Push& push);
  void changeAll(Push& push);
  void check(Push& push, PushCommand& command);
  bool checkCurrentBranch(Push& push, PushCommand& command);
  bool checkDeletion(Push& push, PushCommand& command);
  bool checkFastForward(Push& push, PushCommand& command);
  bool runUpdateHook(Push& push, PushCommand& command);
  std::optional<std::string> updateWorkTree(Push& push, const PushCommand& command, const WorkTree& tree);
  RefChange changeFor(Push& push, PushCommand& command);
  RefTransactionOptions refOptions(Push& push);
  void say(Push& push, const std::string& text) { push.wire.writeProgress(text + "\n"); }

  const Repository& repository_;
  PushRules rules_;
  Hooks hooks_;
  std::string headTarget_;
  std::map<std::string, WorkTree> checkedOut_;  // by branch
  std::set<const PushCommand*> forHook_;        // those that proc-receive shall do
};

}  // namespace git::detail
