// The app that the current folder is pushed to.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace cli::detail {

/// The app's name from the remote "fairlead" of the git repository that holds `folder`: the last part of its
/// URL's path without ".git". Reads .git/config (of a linked worktree: its main repository's) without running
/// git. nullopt when there is no repository, no such remote, or nothing readable.
std::optional<std::string> appOfFolder(const std::filesystem::path& folder);

/// The URL of a remote in a git configuration's text; the last one wins. (git-config, Syntax; includes are
/// not followed.)
std::optional<std::string> remoteUrl(const std::string& config, const std::string& remote);

/// "ssh://git@host:2222/hello.git" and "git@host:hello.git" -> "hello".
std::string appOfUrl(const std::string& url);

}  // namespace cli::detail
