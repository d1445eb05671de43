// Kills a process at the n-th change that it makes to the disk, or makes that change fail.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace testing_support {

struct KillResult {
  bool killed = false;  ///< false: it ended before it came to that many
  int exitStatus = 0;   ///< when it ended by itself; 128 + signal when a signal ended it
};

/// Runs `body` in a forked child (which exits with what it returns) and kills it with SIGKILL when one of its
/// threads begins the `step`-th system call, from 1 on, that changes something on the disk: creating,
/// writing, renaming, linking, removing, syncing. That call is not carried out. Children of the child are not
/// counted. The caller has no other threads.
KillResult runAndKill(int step, const std::function<int()>& body);

struct FailResult {
  std::string call;    ///< what was failed: "fsync /path", "write /path"; empty: it ended before that many
  int exitStatus = 0;  ///< as above
};

/// The same, but the call is not carried out and returns `errorNumber`, once, and the child goes on.
FailResult runAndFail(int step, int errorNumber, const std::function<int()>& body);
/// False where ptrace is not allowed or the processor is not known to it.
bool canFail();

/// How far a walk over all steps goes at a time: a fork is slow with the sanitizers' memory.
#ifdef __SANITIZE_ADDRESS__
inline constexpr int kStride = 4;
#else
inline constexpr int kStride = 1;
#endif

/// False where ptrace is not allowed.
bool canKill();

}  // namespace testing_support
