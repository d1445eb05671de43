// Changing config vars: what commands and the API both do.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "controller/command_set.h"

namespace controller {

/// Values to set; nullopt removes one.
using ConfigPatch = std::map<std::string, std::optional<std::string>>;

struct ConfigChange {
  enum class Missing { refused, fine };
  ConfigPatch patch;
  std::string user;
  /// Who sees what is set; nullopt leaves that as it is (both, for a new one).
  std::optional<store::ConfigScope> scope = std::nullopt;
  Missing missing = Missing::refused;  ///< removing what is not set
};

/// One release for the change, launched; none for a change that changes nothing. Throws invalidArgument for
/// names and values that no environment can have, notFound for a missing one that is refused.
Released changeConfig(const CommandParts& parts, const store::App& app, const ConfigChange& change);

}  // namespace controller
