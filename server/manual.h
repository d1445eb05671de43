// The manual page and the shells' completions, made from the one table of commands.
#pragma once

#include <string>
#include <vector>

#include "controller/command_set.h"

namespace server {

/// What this program does by itself, and the commands of a server: name, words, options, help, example. By
/// name.
std::vector<controller::CommandSpec> everyCommand();

/// For `source <(fairlead completion bash)` and the like; throws invalidArgument for another shell.
std::string completionScript(const std::string& shell);
/// fairlead(1), in the man macros of roff.
std::string manualPage();

/// `fairlead completion bash|zsh|fish` and `fairlead man`; the exit status.
int completion(const std::vector<std::string>& args);
int manual(const std::vector<std::string>& args);

}  // namespace server
