// What the programs that stand in for git's have in common.
#pragma once

#include <functional>
#include <string_view>

namespace git::detail {

/// The exit statuses of git's programs.
constexpr int kDied = 128;
constexpr int kUsage = 129;

/// A line on standard error.
void complain(std::string_view line);
/// What GIT_PROTOCOL asks for: 0, 1 or 2. (gitprotocol-v2, Initial Client Request.)
int requestedProtocol();
/// True, and said so, when GIT_NAMESPACE is set: what it hides must not be shown, or written outside of it.
bool refusesNamespace();
/// Runs `body` with SIGPIPE ignored; an exception is told as "fatal: ..." and ends with kDied.
int runProgram(const std::function<int()>& body);

}  // namespace git::detail
