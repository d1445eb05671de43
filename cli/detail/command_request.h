// The request that a command line becomes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/interaction.h"
#include "cli/detail/surroundings.h"

namespace cli::detail {

struct CommandRequest {
  std::vector<std::string> argv;
  std::optional<std::string> input;  ///< sent as "stdin"
  std::optional<std::string> app;    ///< of the current folder's git remote: counts when argv names none
  bool terminal = false;
  /// When the command may talk with its user.
  struct Talk {
    std::optional<base::TerminalSize> size;  ///< of the terminal, when it is one
    std::string type;                        ///< TERM
  };
  std::optional<Talk> talk;
};

/// Reads what the command needs from this machine: keys:add's key file (none given: the user's default key,
/// "-": stdin), the current folder's app. Throws invalidArgument for a private key and for an argument that
/// is not UTF-8, notFound when there is no key to add.
CommandRequest makeRequest(const Surroundings& surroundings, const std::vector<std::string>& argv);

/// The request's JSON body.
std::string toBody(const CommandRequest& request);

}  // namespace cli::detail
