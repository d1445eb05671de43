#include "server/daemon_account.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/tree_cursor.h"
#include "runner/router_program.h"
#include "sandbox/container.h"

namespace server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultName = "fairlead";
constexpr const char* kDoing = "giving the data folder to the daemon's account";
/// What the daemon has in run/; all else in there is the supervisor's.
constexpr std::array<std::string_view, 7> kDaemons{"backup",   "builds",    "git.sock", "imports",
                                                   "one-offs", "processes", "router"};

bool isSupervisors(const fs::path& path) {
  return std::find(kDaemons.begin(), kDaemons.end(), path.filename().string()) == kDaemons.end();
}

/// Root's files below a folder become the account's.
class Gift {
 public:
  /// `isFirst`: nobody but root has had the folder so far.
  Gift(const base::Confinement& account, std::uint32_t containers, bool isFirst)
      : account_(account), containers_(containers), isFirst_(isFirst) {}

  void give(const fs::path& path) const {
    if (!giveOne(AT_FDCWD, path.c_str())) return;
    base::TreeCursor cursor(base::openFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    std::vector<std::vector<std::string>> levels;
    levels.push_back(base::listNames(cursor.folder()));
    for (;;) {
      auto& names = levels.back();
      if (names.empty()) {
        levels.pop_back();
        if (levels.empty()) return;
        cursor.leave();
        continue;
      }
      const std::string name = std::move(names.back());
      names.pop_back();
      if (!giveOne(cursor.folder().get(), name.c_str()) || !cursor.tryEnter(name)) continue;
      levels.push_back(base::listNames(cursor.folder()));
    }
  }

 private:
  /// Whether it is a folder whose content is to be given too.
  bool giveOne(int folder, const char* name) const {
    struct stat info {};
    if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return false;
      base::throwErrno(errno, kDoing);
    }
    if (info.st_uid - containers_ < sandbox::kUserNamespaceSize) return false;
    // What has another name may lie elsewhere, too.
    const bool isAnothersToo = !isFirst_ && !S_ISDIR(info.st_mode) && info.st_nlink > 1;
    if (info.st_uid == 0 && !isAnothersToo &&
        ::fchownat(folder, name, account_.uid, account_.gid, AT_SYMLINK_NOFOLLOW) != 0)
      base::throwErrno(errno, kDoing);
    return S_ISDIR(info.st_mode);
  }

  const base::Confinement& account_;
  const std::uint32_t containers_;
  const bool isFirst_;
};

/// Root's, and the account may make its own files in it.
void share(const fs::path& folder, gid_t group) {
  struct stat info {};
  constexpr mode_t kOthers = 0005;
  if (::stat(folder.c_str(), &info) != 0 || ::chown(folder.c_str(), 0, group) != 0 ||
      ::chmod(folder.c_str(), S_ISVTX | 0770 | (info.st_mode & kOthers)) != 0)
    base::throwErrno(errno, kDoing);
}

/// An account that was taken over could have left something there before the supervisor keeps its own there.
void removeImpostors(const controller::DataFolder& folder) {
  std::vector<fs::path> impostors;
  for (const auto& entry : fs::directory_iterator(folder.run())) {
    struct stat info {};
    if (isSupervisors(entry.path()) && ::lstat(entry.path().c_str(), &info) == 0 &&
        (info.st_uid != 0 || S_ISLNK(info.st_mode)))
      impostors.push_back(entry.path());
  }
  for (const fs::path& each : impostors)
    base::removeTree(each);
}

/// What takes long to look through was given at an earlier start.
bool isGiven(const controller::DataFolder& folder, const base::Confinement& account) {
  struct stat info {};
  return ::stat(folder.blobs().c_str(), &info) == 0 && info.st_uid == account.uid;
}

}  // namespace

base::Confinement daemonAccount(const Config& config) {
  base::Confinement account;
  if (::geteuid() != 0) return {.uid = ::geteuid(), .gid = ::getegid()};
  if (config.daemonUser == "root") return account;
  try {
    account = base::confinementOf(config.daemonUser);
  } catch (const base::Error& missing) {
    if (config.daemonUser != kDefaultName)
      throw base::Error(base::Errc::invalidArgument,
                        std::string(missing.what()) + ": make it, or correct daemon_user");
    account.uid = account.gid = static_cast<uid_t>(config.userNamespaceBase) + sandbox::kUserNamespaceSize;
    base::Log("server").info("this machine has no account fairlead: the daemon runs as a number",
                             {{"user", account.uid}});
  }
  if (account.uid == 0) return {};
  try {
    account.groups = {base::confinementOf(config.routerUser).gid};
  } catch (const base::Error&) {  // the router says it, with what to do
  }
  return account;
}

void giveDataFolder(const Config& config, const controller::DataFolder& folder,
                    const base::Confinement& account) {
  if (account.uid == 0 || ::geteuid() != 0) return;
  if (fs::is_symlink(folder.run()))
    throw base::Error(base::Errc::conflict, folder.run().string() +
                                                " is a symlink, and what lies behind it is not the server's: "
                                                "make it a folder (a mount is one, too)");
  share(folder.root(), account.gid);
  share(folder.run(), account.gid);
  removeImpostors(folder);
  const bool isFirst = !isGiven(folder, account);
  // An earlier version's router had a folder that was all its own, and may run.
  if (isFirst) runner::prepareRouterFolder(folder.router(), config.routerUser, account.uid);
  const Gift gift(account, static_cast<std::uint32_t>(config.userNamespaceBase), isFirst);
  for (const fs::path& parent : {folder.run(), folder.root()})
    for (const auto& entry : fs::directory_iterator(parent)) {
      // log/ is what starts the server's (script/server), which is root and goes by its name.
      const bool isRoots = parent == folder.run()
                               ? isSupervisors(entry.path())
                               : entry.path() == folder.run() || entry.path().filename() == "log";
      if (!isRoots && entry.path() != folder.blobs()) gift.give(entry.path());
    }
  if (!isFirst || !fs::exists(folder.blobs())) return;
  // The folder last: it tells the next start that this is done.
  for (const auto& entry : fs::directory_iterator(folder.blobs()))
    gift.give(entry.path());
  gift.give(folder.blobs());
}

void requireReachable(const controller::DataFolder& folder, const std::string& accountName) {
  fs::path way;
  for (const fs::path& part : fs::absolute(folder.root())) {
    way /= part;
    if (::access(way.c_str(), X_OK) == 0 || errno != EACCES) continue;
    throw base::Error(base::Errc::permissionDenied,
                      "the account " + accountName +
                          ", which the server runs as (daemon_user), is kept out of " + way.string() +
                          ": let it through (chmod o+x), or use another --data");
  }
}

}  // namespace server
