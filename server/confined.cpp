#include "server/confined.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/child_process.h"
#include "base/error.h"

namespace server {
namespace {

/// Its group is who it works with: the daemon's user is one of it.
constexpr mode_t kForGroup = 007;

}  // namespace

int confined(const std::vector<std::string>& args) {
  if (args.size() < 2)
    throw base::Error(base::Errc::invalidArgument, "usage: fairlead confined UID:GID[,low-ports] PROGRAM...");
  const auto program = base::findProgram(args[1]);
  if (!program) throw base::Error(base::Errc::notFound, args[1] + ": program not found");
  std::vector<char*> words;
  for (std::size_t i = 1; i < args.size(); ++i)
    words.push_back(const_cast<char*>(args[i].c_str()));
  words.push_back(nullptr);
  ::umask(kForGroup);
  base::confine(base::parseConfinement(args[0]));
  ::execv(program->c_str(), words.data());
  base::throwErrno(errno, "starting " + args[1]);
}

std::vector<std::string> confinedBy(const base::Confinement& confinement) {
  return {"/proc/self/exe", "confined", base::toText(confinement)};
}

}  // namespace server
