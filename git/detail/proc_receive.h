// The hook proc-receive, which does ref updates in the server's place. (githooks, "proc-receive".)
#pragma once

#include <set>
#include <string>
#include <vector>

#include "git/detail/hooks.h"
#include "git/receive_pack.h"

namespace git::detail {

/// The commands that receive.procReceiveRefs gives to the hook: "[adm!]*:PREFIX" or "PREFIX" each.
std::set<const PushCommand*> matchProcReceive(const std::vector<std::string>& patterns,
                                              const std::vector<PushCommand>& commands);

/// Hands the commands to the hook and notes in them what it says: refused, done otherwise (reports), or
/// "fall-through" (taken out of `commands`: the server shall do it after all). Those that it reported are
/// `handled`. False when the hook failed, or refused something.
bool runProcReceive(const HookCall& call, Push& push, std::set<const PushCommand*>& commands);

}  // namespace git::detail
