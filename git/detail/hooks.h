// Running a repository's hooks. (githooks.)
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child_process.h"
#include "git/wire.h"

namespace git::detail {

struct HookCall {
  std::filesystem::path program;
  std::vector<std::string> arguments = {};
  std::vector<std::string> environment = {};  ///< "K=V", over this process's own
  std::string input = {};                     ///< its stdin
  std::filesystem::path folder = {};          ///< where it runs
};

/// Where hooks are: core.hooksPath, else hooks/ of the repository.
class Hooks {
 public:
  /// A relative `folder` is one of `gitDir`, where hooks run: they see it so in $0.
  Hooks(std::filesystem::path folder, std::filesystem::path gitDir)
      : folder_(std::move(folder)), gitDir_(std::move(gitDir)) {}
  /// The hook's program, when there is one that can be executed.
  std::optional<std::filesystem::path> find(std::string_view name) const;
  /// Where hooks run.
  const std::filesystem::path& gitDir() const noexcept { return gitDir_; }

 private:
  std::filesystem::path folder_;
  std::filesystem::path gitDir_;
};

/// Runs a hook to its end, its output (both streams) on the client's screen as it comes. Its output is taken
/// whether the client still listens or not, so that it cannot block for ever; a hook that does not read its
/// input is not waited for. Throws notFound when it cannot be started.
base::ExitStatus runHook(const HookCall& call, Wire& wire);

/// A hook that is talked with: its stdin and stdout are the caller's, its stderr goes to the screen.
/// `talk` gets {from the hook, to the hook}; both are closed when it returns.
base::ExitStatus runTalkingHook(const HookCall& call, Wire& wire,
                                const std::function<void(base::Fd& from, base::Fd& to)>& talk);

/// This process's environment with these "K=V" in place of what it has; "K" alone takes K out.
std::vector<std::string> environmentWith(const std::vector<std::string>& changes);

}  // namespace git::detail
