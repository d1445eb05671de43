#include "controller/doctor.h"

#include <netdb.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/confine.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "base/tcp_listener.h"
#include "controller/render.h"
#include "sandbox/oci_runtime.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

Finding ok(std::string check, std::string found) {
  return {std::move(check), Level::ok, std::move(found), ""};
}
Finding warn(std::string check, std::string found, std::string remedy) {
  return {std::move(check), Level::warn, std::move(found), std::move(remedy)};
}
Finding fail(std::string check, std::string found, std::string remedy) {
  return {std::move(check), Level::fail, std::move(found), std::move(remedy)};
}

std::string firstLine(const std::string& text) {
  return base::printable(base::trim(text.substr(0, text.find('\n'))), 200);
}

/// The last line that is not empty: what a program says in the end.
std::string lastLine(const std::string& text) {
  const std::string_view all = base::trim(text);
  return base::printable(all.substr(all.rfind('\n') + 1), 200);
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

/// The addresses of a host, as text; empty with the reason when there is none.
std::vector<std::string> resolve(const std::string& host, std::string& reason) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  AddressList list;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &list.first);
  std::vector<std::string> found;
  if (status != 0) reason = ::gai_strerror(status);
  for (const addrinfo* each = list.first; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      found.emplace_back(text);
  }
  return found;
}

/// A folder that goes with the object.
class TrialFolder {
 public:
  explicit TrialFolder(const fs::path& parent) : path_(parent / (".doctor-" + base::randomHex(6))) {
    fs::create_directories(path_);
  }
  ~TrialFolder() { base::removeTree(path_); }
  TrialFolder(const TrialFolder&) = delete;
  TrialFolder& operator=(const TrialFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  const fs::path path_;
};

}  // namespace

std::string_view name(Level level) noexcept {
  switch (level) {
    case Level::ok:
      return "ok";
    case Level::warn:
      return "warn";
    case Level::fail:
      return "fail";
  }
  return "";
}

std::optional<std::string> Doctor::read(const fs::path& file) const {
  std::error_code missing;
  if (!fs::exists(file, missing)) return std::nullopt;
  return base::readFile(file, 4u << 20);
}

Finding Doctor::kernel() const {
  const std::string release = firstLine(read(settings_.proc / "sys/kernel/osrelease").value_or("unknown"));
  unsigned major = 0;
  unsigned minor = 0;
  std::sscanf(release.c_str(), "%u.%u", &major, &minor);
  constexpr unsigned kMajor = 5;
  constexpr unsigned kMinor = 6;  // openat2
  if (major < kMajor || (major == kMajor && minor < kMinor))
    return fail("kernel", "Linux " + release, "Fairlead needs Linux 5.6 or later: update the kernel");
  return ok("kernel", "Linux " + release);
}

Finding Doctor::userNamespaces() const {
  const auto limit = read(settings_.proc / "sys/user/max_user_namespaces");
  if (!limit)
    return fail("user-namespaces", "the kernel has none", "use a kernel that is built with CONFIG_USER_NS");
  if (firstLine(*limit) == "0")
    return fail("user-namespaces", "switched off",
                "switch them on: sysctl -w user.max_user_namespaces=15000");
  return ok("user-namespaces", "up to " + firstLine(*limit));
}

Finding Doctor::overlay() const {
  const bool known = read(settings_.proc / "filesystems").value_or("").find("overlay") != std::string::npos;
  if (!known && ::geteuid() != 0)
    return warn("overlayfs", "the kernel has not loaded it", "load it: modprobe overlay");
  if (!base::findProgram("unshare") || !base::findProgram("mount"))
    return fail("overlayfs", "the programs unshare and mount are missing",
                "install them: apt-get install util-linux mount");
  if (!settings_.ordinaryUser.empty()) return ok("overlayfs", "the kernel has it");
  if (::geteuid() != 0) return ok("overlayfs", "the kernel has it; trying it needs root");
  const TrialFolder trial(fs::exists(settings_.data) ? settings_.data : fs::temp_directory_path());
  for (const char* each : {"lower", "upper", "work", "merged"})
    fs::create_directory(trial.path() / each);
  const auto result = base::runCommand({"unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o",
                                        "lowerdir=lower,upperdir=upper,workdir=work", "merged"},
                                       {.workingDirectory = trial.path().string()});
  if (!result.status.ok())
    return fail("overlayfs",
                "cannot be mounted over " + trial.path().parent_path().string() + ": " + lastLine(result.err),
                "load the module (modprobe overlay), and keep the data folder on ext4, xfs or btrfs");
  return ok("overlayfs", "mounts over " + trial.path().parent_path().string());
}

Finding Doctor::cgroups() const {
  const fs::path root = settings_.sys / "fs/cgroup";
  std::vector<std::string> missing;
  std::string version = "v1";
  if (const auto controllers = read(root / "cgroup.controllers")) {
    version = "v2";
    const auto has = base::split(firstLine(*controllers), ' ');
    for (const char* each : {"cpu", "memory", "pids"})
      if (std::find(has.begin(), has.end(), each) == has.end()) missing.emplace_back(each);
  } else {
    if (fs::exists(root / "unified")) version = "v1 (hybrid)";
    for (const char* each : {"cpu", "memory", "pids"})
      if (!fs::exists(root / each)) missing.emplace_back(each);
  }
  if (!missing.empty())
    return fail("cgroups", version + ", without " + base::join(missing, ", "),
                "limits need these controllers: enable them on the kernel's command line (cgroup_enable=" +
                    missing[0] + ") and mount the cgroup tree");
  return ok("cgroups", version + ", with cpu, memory, pids");
}

Finding Doctor::runtime(const DoctorMeans& means) const {
  try {
    const std::string found = means.tryRuntime() + " starts containers";
    if (found.find(sandbox::kNoCgroups) != std::string::npos)
      return warn("runtime", found + ", and nothing limits their memory and processors",
                  "start the server where its user has a cgroup: systemd-run --user --scope -p Delegate=yes "
                  "fairlead serve, or Delegate=yes in the unit of a user's service");
    return ok("runtime", found);
  } catch (const base::Error& error) {
    if (!settings_.ordinaryUser.empty())
      return fail("runtime", "no container can be started: " + base::printable(error.what(), 300),
                  "do that, or start the server as root, which it gives up");
    return fail(
        "runtime", "no container can be started: " + base::printable(error.what(), 300),
        "install the packages runc, conmon, tini and containernetworking-plugins, and run this as root");
  }
}

Finding Doctor::network() const {
  std::vector<std::string> missing;
  bool plugins = false;
  for (const fs::path folder : {"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"})
    plugins = plugins || (fs::exists(folder / "bridge") && fs::exists(folder / "host-local"));
  if (!plugins) missing.emplace_back("containernetworking-plugins");
  if (!base::findProgram("iptables")) missing.emplace_back("iptables");
  if (!base::findProgram("ip")) missing.emplace_back("iproute2");
  if (!missing.empty())
    return fail("network", "containers can have no network",
                "install: apt-get install " + base::join(missing, " "));
  return ok("network", "CNI plugins and iptables are here");
}

Finding Doctor::router() const {
  if (!base::findProgram("caddy"))
    return fail("router", "Caddy is missing", "install it: apt-get install caddy");
  const auto version = base::runCommand({"caddy", "version"}, {.timeout = std::chrono::seconds(10)});
  const std::string found = "Caddy " + firstLine(version.out);
  if (!settings_.ordinaryUser.empty())
    return ok("router", found + ", as " + settings_.ordinaryUser + " without rights");
  try {
    base::confinementOf(settings_.routerUser);
  } catch (const base::Error& error) {
    return fail("router", found + ", but " + error.what() + " for it to run as",
                "make one, or name another in router_user");
  }
  return ok("router", found + ", as the account " + settings_.routerUser + " without rights");
}

Finding Doctor::daemon(const DoctorMeans& means) const {
  const bool serves = means.endpoints.has_value();
  if (!settings_.ordinaryUser.empty())
    return ok("daemon", std::string("the server ") + (serves ? "runs" : "will run") + " as " +
                            settings_.ordinaryUser +
                            ", and what makes containers is root of a user namespace only");
  if (settings_.daemonUid == 0)
    return warn("daemon", "the server stays root", "set daemon_user to an account without rights");
  const std::string who = serves ? "the server runs as " : "the server will run as ";
  try {
    base::confinementOf(settings_.daemonUser);
  } catch (const base::Error&) {
    return warn(
        "daemon",
        who + "the number " + std::to_string(settings_.daemonUid) + ", since this machine has no account \"" +
            base::printable(settings_.daemonUser) + "\"",
        "make one: useradd --system --user-group --no-create-home " + base::shellQuote(settings_.daemonUser));
  }
  return ok("daemon", who + "the account " + settings_.daemonUser + " without rights");
}

Finding Doctor::disk() const {
  fs::path folder = settings_.data;
  while (!fs::exists(folder) && folder.has_relative_path())
    folder = folder.parent_path();
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0)
    return fail("disk", folder.string() + " cannot be looked at", "check that it is mounted");
  const std::uint64_t freeBytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  const std::string found = base::formatBytes(freeBytes) + " free for " + settings_.data.string();
  if (freeBytes < settings_.minFreeBytes)
    return fail("disk", found + ", less than disk_min_free_bytes: pushes are refused",
                "make room: fairlead gc, or a larger disk");
  constexpr std::uint64_t kComfortable = 5ull << 30;
  if (freeBytes < kComfortable)
    return warn("disk", found,
                "a stack and a build need some gigabytes: make room soon (fairlead gc --plan)");
  constexpr std::uint64_t kInodes = 50'000;
  if (info.f_files > 0 && info.f_favail < kInodes)
    return warn("disk", std::to_string(info.f_favail) + " inodes free",
                "make room: many small files fill the disk's table");
  return ok("disk", found);
}

Finding Doctor::clock() const {
  const auto now = std::chrono::time_point_cast<std::chrono::days>(clock_.now());
  if (now < std::chrono::sys_days(std::chrono::year(2024) / 1 / 1))
    return fail("clock", "it is " + base::toRfc3339(clock_.now()) + " here",
                "set the clock: certificates and tokens depend on it");
  timex state{};
  const int status = ::adjtimex(&state);
  if (status == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
    return warn("clock", base::toRfc3339(clock_.now()) + "; the kernel says that nothing keeps it right",
                "run a time service (systemd-timesyncd, chrony); in a virtual machine the host may do it, "
                "and then this is fine");
  return ok("clock", "kept right by a time service, says the kernel (no other clock was asked)");
}

Finding Doctor::nameService() const {
  const std::string host = "fairlead-" + base::randomHex(4) + "." + settings_.domain;
  std::string reason;
  const auto addresses = resolve(host, reason);
  if (addresses.empty())
    return warn("dns", "*." + settings_.domain + " has no address (" + reason + ")",
                settings_.domain == "localhost" ? "browsers resolve *.localhost themselves; other programs "
                                                  "need a name service that does (libnss-myhostname)"
                                                : "add a wildcard record to the zone: *." + settings_.domain +
                                                      " with this machine's address");
  return ok("dns", "*." + settings_.domain + " is " + base::join(addresses, ", "));
}

std::vector<Finding> Doctor::ports(const std::optional<Endpoints>& running) const {
  if (running)
    return {ok("ports", "the server listens: ssh " + running->ssh + ", http " + running->http + ", router " +
                            running->router)};
  std::vector<Finding> findings;
  for (const auto& [setting, address] : settings_.listeners) {
    try {
      base::listenTcp(address, setting);
      findings.push_back(ok("ports", setting + " " + address + " is free"));
    } catch (const base::Error& error) {
      findings.push_back(fail("ports", error.what(),
                              "stop what listens there (ss -ltnp), or set " + setting + " to another port"));
    }
  }
  return findings;
}

Finding Doctor::stackAge(const std::vector<store::Stack>& stacks) const {
  if (stacks.empty())
    return warn("stacks", "there is none", "make one: fairlead stacks:create " + settings_.defaultStack);
  constexpr std::chrono::days kOld{30};
  std::vector<std::string> old;
  for (const store::Stack& stack : stacks)
    if (clock_.now() - stack.createdAt > kOld) old.push_back(stack.name);
  if (!old.empty())
    return warn(
        "stacks", base::join(old, ", ") + ": older than 30 days, so without newer security updates",
        "make it anew, and put the apps on it: fairlead stacks:update " + old[0] + " && fairlead rebase");
  return ok("stacks", std::to_string(stacks.size()) + ", none older than 30 days");
}

Finding Doctor::dataFolder() const {
  struct stat info {};
  if (::stat(settings_.data.c_str(), &info) != 0)
    return ok("data", settings_.data.string() + " is not there yet: serve makes it");
  const std::string owner = settings_.ordinaryUser.empty() ? "root" : settings_.ordinaryUser;
  if (info.st_uid != (settings_.ordinaryUser.empty() ? 0 : ::geteuid()))
    return fail("data", settings_.data.string() + " belongs to another user than " + owner,
                "chown " + owner + ": " + base::shellQuote(settings_.data.string()));
  // In its server's group it is sticky, and the group makes its own files in it.
  constexpr unsigned kGroupWrites = 0020;
  const bool isShared = (info.st_mode & S_ISVTX) != 0 && info.st_gid == settings_.daemonGid;
  if ((info.st_mode & (isShared ? 0002u : 0002u | kGroupWrites)) != 0)
    return fail("data", settings_.data.string() + " can be written by others",
                "chmod go-w " + base::shellQuote(settings_.data.string()));
  constexpr std::pair<const char*, unsigned> kPrivate[] = {
      {"fairlead.db", 0077}, {"keys", 0077}, {"fairlead.sock", 0077}};
  for (const auto& [each, forbidden] : kPrivate) {
    const fs::path file = settings_.data / each;
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & forbidden) != 0)
      return fail("data", std::string(each) + " holds secrets, and others may use it",
                  "chmod go= " + base::shellQuote(file.string()));
  }
  return ok("data",
            settings_.data.string() + " belongs to " + owner + (isShared ? " and the server" : " alone"));
}

std::vector<Finding> Doctor::examine(const DoctorMeans& means) const {
  std::vector<Finding> all{kernel(), userNamespaces(), overlay(), cgroups(), runtime(means), network(),
                           router(), daemon(means),    disk(),    clock(),   nameService()};
  for (Finding& each : ports(means.endpoints))
    all.push_back(std::move(each));
  if (means.stacks) all.push_back(stackAge(*means.stacks));
  all.push_back(dataFolder());
  return all;
}

std::string renderReport(const std::vector<Finding>& findings) {
  std::size_t counts[3] = {};
  std::string text;
  for (const Finding& each : findings) {
    ++counts[static_cast<int>(each.level)];
    std::string left = std::string(name(each.level)) + "  ";
    left.resize(6, ' ');
    left += each.check;
    left.resize(std::max<std::size_t>(left.size() + 2, 24), ' ');
    text += left + each.found + "\n";
    if (!each.remedy.empty()) text += std::string(24, ' ') + each.remedy + "\n";
  }
  return text + std::to_string(counts[0]) + " ok, " + std::to_string(counts[1]) + " to look at, " +
         std::to_string(counts[2]) + " failed\n";
}

base::JsonArray::Ptr renderFindings(const std::vector<Finding>& findings) {
  auto json = base::makeJsonArray();
  for (const Finding& each : findings) {
    auto item = base::makeJsonObject();
    item->set("check", each.check);
    item->set("level", std::string(name(each.level)));
    item->set("found", each.found);
    item->set("remedy", each.remedy);
    json->add(item);
  }
  return json;
}

int exitCodeOf(const std::vector<Finding>& findings) noexcept {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& each) { return each.level == Level::fail; })
             ? 1
             : 0;
}

}  // namespace controller
