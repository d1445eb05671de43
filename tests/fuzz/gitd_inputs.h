// What strangers send to gitd, as functions over bytes: for the fuzzers, and for the replay of their corpus
// as a unit test.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "gitd/detail/ssh_command.h"

namespace fuzz {

inline void sshCommand(std::string_view bytes) {
  const auto command = gitd::detail::parseSshCommand(bytes);
  if (const auto* git = std::get_if<gitd::detail::GitCommand>(&command))
    gitd::detail::isRepositoryName(git->name);
  gitd::detail::protocolVersion(bytes);
}

}  // namespace fuzz
