#include "sandbox/detail/own_namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "sandbox/detail/oci_bundle.h"
#include "sandbox/detail/read_or_empty.h"
#include "sandbox/detail/resolv_conf.h"
#include "sandbox/rootless.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

constexpr char kMade = 'm';
constexpr char kMapped = 'i';
constexpr char kReady = 'r';

std::string userName() {
  const uid_t uid = ::getuid();
  const passwd* entry = ::getpwuid(uid);
  if (entry == nullptr)
    throw Error(Errc::unavailable, "this machine has no account with the number " + std::to_string(uid));
  return entry->pw_name;
}

std::vector<IdRange> subordinateIds(const std::string& user, bool groups) {
  std::vector<std::string> command{"getsubids", user};
  if (groups) command.insert(command.begin() + 1, "-g");
  const auto ranges = enoughIds(base::runCommand(command).out);
  if (ranges.empty())
    throw Error(Errc::unavailable,
                "containers need 65536 subordinate ids, and /etc/" +
                    std::string(groups ? "subgid" : "subuid") + " has fewer for " + user +
                    ": as root, usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + user +
                    " (or another range that is free)");
  return ranges;
}

/// newuidmap(1), newgidmap(1): it may do what the user may not.
void writeMap(const std::string& program, pid_t pid, unsigned own, const std::vector<IdRange>& ranges) {
  std::vector<std::string> command{program, std::to_string(pid), "0", std::to_string(own), "1"};
  std::uint32_t next = kRootlessIdBase;
  for (const IdRange& range : ranges) {
    for (const std::uint32_t number : {next, range.first, range.count})
      command.push_back(std::to_string(number));
    next += range.count;
  }
  base::mustRun(command);
}

// --- in the process that makes them; what fails is told to the other

void must(bool worked, const char* doing) {
  if (!worked) base::throwErrno(errno, doing);
}

/// The host's shows the host's network.
void mountSys() {
  constexpr const char* kDoing = "mounting a /sys for a network of one's own";
  const base::Fd groups(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, "/sys/fs/cgroup",
                                                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  must(groups.valid(), kDoing);
  must(::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0, kDoing);
  must(::syscall(SYS_move_mount, groups.get(), "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) == 0,
       kDoing);
}

void mountContainersFolder() {
  must(
      ::mount("tmpfs", rootlessMountFolder().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") == 0,
      "mounting a folder for containers");
}

/// A name server on the host's loopback is not to be reached from another network.
void mountNameServers(const std::string& configured) {
  if (configured.empty() && !nameServersOf(readOrEmpty("/etc/resolv.conf")).empty()) return;
  std::error_code missing;
  const fs::path place = fs::canonical("/etc/resolv.conf", missing);
  if (missing) return;
  const fs::path file = rootlessMountFolder() / ".resolv.conf";
  base::writeAll(base::openFile(file, O_WRONLY | O_CREAT | O_EXCL, 0644), hostResolvConf(configured).text);
  must(::mount(file.c_str(), place.c_str(), nullptr, MS_BIND, nullptr) == 0,
       "mounting a list of name servers");
}

/// pasta (Debian 12's) acknowledges a first segment by one without the ACK flag. Connection tracking calls it
/// invalid and does not translate its address, and the kernel answers with a reset: containers could connect
/// to nothing. No TCP segment is without any flag. (RFC 9293 section 3.1.)
void dropSegmentsWithoutFlags() {
  base::mustRun({"iptables", "--table", "raw", "--append", "PREROUTING", "--protocol", "tcp", "--tcp-flags",
                 "ALL", "NONE", "--jump", "DROP"});
}

void makeThemHere(const std::string& nameServers, const base::Fd& in, const base::Fd& out) {
  must(::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) == 0,
       "making a user namespace (is user.max_user_namespaces 0, or kept from ordinary users?)");
  base::writeAll(out, std::string(1, kMade));
  char answer = 0;
  if (base::readSome(in, &answer, 1) != 1 || answer != kMapped) return;
  must(::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0, "becoming root of a user namespace");
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0, "making mounts of one's own");
  mountSys();
  mountContainersFolder();
  mountNameServers(nameServers);
  dropSegmentsWithoutFlags();
  // Programs that have entered the user namespace look for the others by this process.
  must(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "showing namespaces");
  base::writeAll(out, std::string(1, kReady));
  while (base::readSome(in, &answer, 1) != 0) {
  }
}

}  // namespace

std::vector<IdRange> enoughIds(const std::string& text) {
  std::vector<IdRange> ranges;
  std::uint32_t missing = kUserNamespaceSize;
  for (const std::string& line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    if (words.size() != 4 || !base::parseNumber(words[2], first) || !base::parseNumber(words[3], count) ||
        first > UINT32_MAX || count == 0 || missing == 0)
      continue;
    const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, missing));
    ranges.push_back({static_cast<std::uint32_t>(first), taken});
    missing -= taken;
  }
  return missing == 0 ? ranges : std::vector<IdRange>{};
}

OwnNamespaces::OwnNamespaces(const std::string& nameServers) {
  const std::string user = userName();
  const auto uids = subordinateIds(user, false);
  const auto gids = subordinateIds(user, true);
  start(nameServers);
  try {
    await(kMade);
    writeMap("newuidmap", pid_, ::getuid(), uids);
    writeMap("newgidmap", pid_, ::getgid(), gids);
    base::writeAll(out_, std::string(1, kMapped));
    await(kReady);
    const std::string folder = "/proc/" + std::to_string(pid_) + "/ns/";
    user_ = base::openFile(folder + "user", O_RDONLY);
    mount_ = base::openFile(folder + "mnt", O_RDONLY);
    network_ = base::openFile(folder + "net", O_RDONLY);
  } catch (...) {
    end();
    throw;
  }
}

OwnNamespaces::~OwnNamespaces() {
  end();
}

void OwnNamespaces::start(const std::string& nameServers) {
  auto [ourIn, theirOut] = base::makePipe();
  auto [theirIn, ourOut] = base::makePipe();
  pid_ = ::fork();
  if (pid_ < 0) base::throwErrno(errno, "making namespaces");
  if (pid_ == 0) {
    ourOut.reset();  // its end is seen when the other goes
    try {
      makeThemHere(nameServers, theirIn, theirOut);
    } catch (const std::exception& failure) {
      base::writeAll(theirOut, failure.what());
    }
    ::_exit(0);
  }
  in_ = std::move(ourIn);
  out_ = std::move(ourOut);
}

void OwnNamespaces::await(char word) const {
  const std::string wanted(1, word);
  std::string said;
  std::array<char, 512> buffer{};
  while (said != wanted) {
    const std::size_t count = base::readSome(in_, buffer.data(), buffer.size());
    if (count == 0) throw Error(Errc::unavailable, said.empty() ? "what makes namespaces was killed" : said);
    said.append(buffer.data(), count);
  }
}

void OwnNamespaces::end() noexcept {
  out_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace sandbox
