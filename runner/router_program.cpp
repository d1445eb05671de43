#include "runner/router_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"

namespace runner {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

/// Caddy makes its first file of requests so that its group cannot write there (0600 or 0640, by its
/// version), and gives each later one the mode and the owner of the one before: so the first one is made as
/// all are to be, by the account that they belong to.
constexpr const char* kStart =
    "{ touch caddy/access.log && chmod 660 caddy/access.log; } 2>/dev/null; exec \"$0\" \"$@\"";

constexpr mode_t kShared = 02750;   // new files are for Caddy's group, too
constexpr mode_t kWritten = 02770;  // by the group

base::Confinement accountOf(const std::string& user) {
  try {
    return base::confinementOf(user);
  } catch (const Error& error) {
    throw Error(Errc::unavailable, std::string(error.what()) +
                                       ", which the router runs as: install the package caddy, which makes "
                                       "one, or name another in router_user");
  }
}

bool isLow(const std::string& listen) {
  constexpr std::uint64_t kFirstHighPort = 1024;
  std::uint64_t port = 0;
  return base::parseNumber(listen.substr(listen.rfind(':') + 1), port) && port > 0 && port < kFirstHighPort;
}

/// How much Caddy may take for requests before it looks for what is free again, in percent of what it holds.
/// It holds little, so that with Go's own 100 it would look all the time.
constexpr const char* kCollectAt = "GOGC=300";

/// By a path that leads through no other folder: Caddy may not be let through those above.
std::vector<std::string> environment() {
  const char* path = std::getenv("PATH");
  const std::string home = "/proc/self/cwd";
  return {"PATH=" + std::string(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path),
          "HOME=" + home + "/caddy", "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home, kCollectAt};
}

void share(const base::Fd& folder, uid_t owner, gid_t group, mode_t mode) {
  if (::fchown(folder.get(), owner, group) != 0 || ::fchmod(folder.get(), mode) != 0)
    base::throwErrno(errno, "sharing the router's folder with its account");
}

/// What an earlier version's Caddy made for itself alone, by whoever may: where this may not, Caddy's next
/// start does. The name is in a folder that Caddy writes to, so it is looked at what it stands for: nothing
/// that has another name, too.
void shareFile(const base::Fd& folder, const std::string& name, gid_t group) {
  constexpr mode_t kForGroup = S_IRGRP | S_IWGRP;
  const base::Fd file(::openat(folder.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!file.valid() || ::fstat(file.get(), &info) != 0) return;
  const bool isOurs = S_ISSOCK(info.st_mode) || (S_ISREG(info.st_mode) && info.st_nlink == 1);
  if (!isOurs || (info.st_gid == group && (info.st_mode & kForGroup) == kForGroup)) return;
  const std::string byNumber = "/proc/self/fd/" + std::to_string(file.get());
  if (::fchownat(file.get(), "", static_cast<uid_t>(-1), group, AT_EMPTY_PATH) == 0)
    static_cast<void>(::chmod(byNumber.c_str(), (info.st_mode & 0777) | kForGroup));
}

}  // namespace

sandbox::HostProgram routerProgram(const CaddyConfig& config, const ConfinedBy& confinedBy) {
  const auto program = base::findProgram(config.program);
  if (!program)
    throw Error(Errc::unavailable,
                "the router \"" + config.program + "\" is not installed: install the package caddy");
  sandbox::HostProgram router;
  if (!config.user.empty()) {
    base::Confinement account = accountOf(config.user);
    account.lowPorts = isLow(config.listen) || (config.tls && isLow(config.tls->listen)) ||
                       (config.appsTls && isLow(config.appsTls->listen));
    router.argv = confinedBy(account);
    router.user = account.uid;
  }
  for (const std::string& word : {std::string("sh"), std::string("-c"), std::string(kStart), *program,
                                  std::string("run"), std::string("--config"), std::string("caddy.json")})
    router.argv.push_back(word);
  router.environment = environment();
  router.workingDirectory = fs::absolute(config.folder).string();
  return router;
}

void prepareRouterFolder(const fs::path& folder, const std::string& user, uid_t owner) {
  const fs::path own = folder / "caddy";
  fs::create_directories(own);
  if (user.empty()) {
    fs::permissions(folder, fs::perms::owner_all);
    fs::permissions(own, fs::perms::owner_all);
    return;
  }
  const gid_t group = accountOf(user).gid;
  const base::Fd outer = base::openFile(folder, O_RDONLY | O_DIRECTORY);
  share(outer, owner, group, kShared);
  const base::Fd inner = base::openAt(outer, "caddy", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  share(inner, owner, group, kWritten);
  for (const auto& item : fs::directory_iterator(own)) {
    const std::string name = item.path().filename().string();
    if (name == "admin.sock" || (name.starts_with("access") && name.ends_with(".log")))
      shareFile(inner, name, group);
  }
}

}  // namespace runner
