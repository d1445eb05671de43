// The command line of an SSH exec request. (RFC 4254, 6.5; git's connect.c writes it.)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gitd::detail {

/// Splits a line into words as a POSIX shell does: blanks, '...', "...", backslash. Nothing is expanded:
/// "$x", "*" and ";" are plain characters. nullopt for an open quote, a NUL byte, a line over 64 KiB or more
/// than 1000 words.
std::optional<std::vector<std::string>> splitWords(std::string_view line);

enum class GitService { receivePack, uploadPack, uploadArchive };

/// `git-receive-pack '/app.git'` and the like; `name` is what was typed without "/", "~/" in front and "/",
/// ".git" behind: not yet checked.
struct GitCommand {
  GitService service;
  std::string name;
};
/// Anything else; no words for a shell.
struct PlainCommand {
  std::vector<std::string> argv;
};
/// Cannot be understood; `problem` is a sentence for the user.
struct BadCommand {
  std::string problem;
};
using SshCommand = std::variant<GitCommand, PlainCommand, BadCommand>;

SshCommand parseSshCommand(std::string_view line);

/// ^[a-z0-9][a-z0-9-]{0,62}$: the only names that reach the layer above.
bool isRepositoryName(std::string_view name) noexcept;

/// The N of GIT_PROTOCOL's "version=N" (several keys are separated by ':'), 0 when there is none or it is
/// unknown. (gitprotocol-v2.)
int protocolVersion(std::string_view gitProtocol) noexcept;

}  // namespace gitd::detail
