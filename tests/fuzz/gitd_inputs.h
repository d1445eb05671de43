// What strangers send to gitd, as functions over bytes: for the fuzzers, and for the replay of their corpus
// as a unit test.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "git/pkt_line.h"
#include "gitd/detail/receive_commands.h"
#include "gitd/detail/ref_name.h"
#include "gitd/detail/ssh_command.h"

namespace fuzz {

class ViewSource : public base::ByteSource {
 public:
  explicit ViewSource(std::string_view bytes) : rest_(bytes) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = rest_.copy(buffer, capacity);
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
};

/// Refusals are answers; anything else that is thrown is a bug.
template <typename Body>
void orRefused(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument || error.code() == base::Errc::io);
  }
}

/// The commands of a push, as far as the pack.
inline void pktLine(std::string_view bytes) {
  orRefused([&] {
    ViewSource source(bytes);
    git::PktReader reader(source);
    for (const auto& update : gitd::detail::readPushCommands(reader, 100).updates)
      gitd::detail::isRefName(update.ref);
  });
}

inline void sshCommand(std::string_view bytes) {
  const auto command = gitd::detail::parseSshCommand(bytes);
  if (const auto* git = std::get_if<gitd::detail::GitCommand>(&command))
    gitd::detail::isRepositoryName(git->name);
  gitd::detail::protocolVersion(bytes);
}

}  // namespace fuzz
