// What strangers send to gitd, as functions over bytes: for the fuzzers, and for the replay of their corpus
// as a unit test.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "git/pkt_line.h"
#include "gitd/detail/pack_scanner.h"
#include "gitd/detail/receive_commands.h"
#include "gitd/detail/ref_name.h"
#include "gitd/detail/ssh_command.h"
#include "gitd/detail/tree_rules.h"

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

inline void pack(std::string_view bytes) {
  orRefused([&] {
    gitd::detail::PackScanner scanner({1u << 20, 1000, 1u << 20});
    // In two pieces, so that every boundary is met.
    const std::size_t half = bytes.size() / 2;
    if (scanner.scan(bytes.substr(0, half)) == half) scanner.scan(bytes.substr(half));
  });
}

inline void tree(std::string_view bytes) {
  gitd::detail::checkTree(bytes);
  gitd::detail::checkCommit(bytes);
  gitd::detail::checkTag(bytes);
}

}  // namespace fuzz
