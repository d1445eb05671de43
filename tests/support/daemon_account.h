// What a daemon without rights does, in a test that has them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "sandbox/foreign_trees.h"
#include "tests/support/temp_folder.h"

namespace testing_support {

/// An account that is nobody's, without capabilities. Where the tests do not run as root it is the test's own
/// user, and so are the users of containers. Thread-safe.
class DaemonAccount {
 public:
  DaemonAccount();

  /// False where the tests do not run as root.
  bool isReal() const noexcept { return real_; }
  uid_t id() const noexcept;
  /// Of a container's user on the host.
  std::uint32_t hostId(std::uint32_t containerId) const noexcept;
  /// Works for the account with the test's own rights, as the supervisor does.
  sandbox::ForeignTrees& trees() noexcept { return *trees_; }

  /// Runs `work` as the account, on a thread of its own; threads that it makes are the account's, too. What
  /// in the folder belongs to the test itself is the account's from then on. Throws what `work` throws.
  void run(const TempFolder& folder, const std::function<void()>& work) const;
  /// Called by `work`: runs this as a container's user (uid and gid are the same).
  void asContainersUser(std::uint32_t containerId, const std::function<void()>& work) const;

 private:
  const bool real_;
  std::unique_ptr<sandbox::ForeignTrees> trees_;
};

}  // namespace testing_support
