// What a command says about a release that it made.
#pragma once

#include "controller/command_set.h"

namespace controller {

/// "1 app", "2 apps".
std::string counted(std::uint64_t count, const std::string& noun);

/// Prints "Released v5" (or `json` with --json) and returns 0; for a failed launch prints why with the
/// process's last lines and returns 1.
int reportRelease(const Invocation& call, const store::App& app, const Released& released,
                  const base::JsonObject::Ptr& json);

/// The same for a change of processes without a release.
int reportLaunch(const Invocation& call, const store::App& app, const runner::LaunchResult& result,
                 const base::JsonArray::Ptr& json, const std::string& text);

}  // namespace controller
