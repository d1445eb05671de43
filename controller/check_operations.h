// How an app's processes are asked whether they are well, beside what its app.json says.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "controller/command_set.h"
#include "store/process_check.h"

namespace controller {

/// What was set for the app itself. Throws corrupt for a setting that is none.
store::ProcessChecks ownChecks(const std::map<std::string, std::string>& settings);

/// Those of the current release's app.json with the app's own over them.
store::ProcessChecks checksOf(const CommandParts& parts, const store::App& app);

/// The app's own for one process type; those of another kind stay. Counts from now on: no process is started
/// again for it. Throws notFound for a type that the current slug does not have.
void setCheck(const CommandParts& parts, const store::App& app, const std::string& type,
              const store::ProcessCheck& check);
/// As app.json says again: one kind, or all of a type. Throws notFound when nothing is set.
void unsetChecks(const CommandParts& parts, const store::App& app, const std::string& type,
                 std::optional<store::ProcessCheck::Kind> kind);

}  // namespace controller
