#include "git/detail/program.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/strings.h"

namespace git::detail {

void complain(std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

int requestedProtocol() {
  const char* text = std::getenv("GIT_PROTOCOL");
  int version = 0;
  for (const std::string& part : base::split(text ? text : "", ':')) {
    if (part == "version=1" || part == "version=2") version = std::max(version, part.back() - '0');
  }
  return version;
}

bool refusesNamespace() {
  const char* space = std::getenv("GIT_NAMESPACE");
  if (!space || *space == '\0') return false;
  complain("fatal: namespaces are not supported: unset GIT_NAMESPACE, or use a repository of its own");
  return true;
}

int runProgram(const std::function<int()>& body) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return body();
  } catch (const std::exception& failure) {
    complain("fatal: " + std::string(failure.what()));
    return kDied;
  }
}

}  // namespace git::detail
