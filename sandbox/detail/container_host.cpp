#include "sandbox/detail/container_host.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <set>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/overlay_xattr.h"
#include "base/strings.h"
#include "base/tree_size.h"
#include "sandbox/detail/container_exec.h"
#include "sandbox/detail/container_folder.h"
#include "sandbox/detail/process_group.h"
#include "sandbox/detail/read_or_empty.h"
#include "sandbox/detail/resolv_conf.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

constexpr int kDeathWaitMs = 30'000;
constexpr int kMonitorWaitMs = 5'000;

void makeFolder(const fs::path& folder) {
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
}

std::string seedOf(const fs::path& folder) {
  return base::Digest::of(fs::weakly_canonical(folder).string()).hex().substr(0, 8);
}

CniNetworkConfig networkConfig(const OciRuntimeConfig& config, const fs::path& plugins,
                               const std::string& seed) {
  return {.folder = config.folder,
          .name = "fl" + seed,
          .seed = std::strtoull(seed.c_str(), nullptr, 16),
          .pool = Ipv4Network::parse(config.subnetPool),
          .plugins = plugins,
          .doors = {.nameServers = nameServersOf(hostResolvConf(config.nameServers).text),
                    .hostServices = parseHostServices(config.hostServices)}};
}

/// Such a file's device is the overlay's, wherever its content is.
bool isOnOverlay(const fs::path& file) {
  struct statfs info {};
  return ::statfs(file.c_str(), &info) == 0 && info.f_type == OVERLAYFS_SUPER_MAGIC;
}

}  // namespace

ContainerHost::ContainerHost(const OciRuntimeConfig& config, RuntimePrograms programs,
                             fs::path networkPlugins)
    : config_(config),
      programs_([&] {
        programs.runtimeRoot = config.folder / "oci";
        return programs;
      }()),
      seed_(seedOf(config.folder)),
      name_("fairlead-" + seed_),
      cgroups_(base::isHostsUserNamespace() ? CgroupTree()
                                            : CgroupTree::delegated(readOrEmpty("/proc/self/cgroup"))),
      network_(networkConfig(config, networkPlugins, seed_)),
      leftovers_([this](const std::string& id) { removeNow(id); }) {
  makeFolder(config_.folder / "containers");
  makeFolder(config_.folder / "empty-layer");
  makeFolder(programs_.runtimeRoot);
  makeFolder(execsFolder());
  endLeftExecs();
  for (const std::string& id : present()) {
    const auto state = ContainerState::load(filesOf(id).state());
    if (state && !state->networkGroup.empty()) joined_[id] = state->networkGroup;
  }
}

/// Those of a daemon that was killed: nobody reads what they say any more. What cannot be removed is left to
/// the next start.
void ContainerHost::endLeftExecs() {
  for (const auto& entry : fs::directory_iterator(execsFolder())) {
    const fs::path folder = entry.path();
    try {
      const std::string name = folder.filename().string();
      const base::Fd monitor = processOfFile(ExecFiles{folder}.monitorPidFile()).open();
      signalExec(name, processesOf(containerOfExec(name)), SIGKILL);
      // It writes the exit code down before it goes.
      if (!waitForEnd(monitor, kMonitorWaitMs)) signalProcess(monitor, SIGKILL);
      base::removeTree(folder);
    } catch (const std::exception& failure) {  // no reason not to start
      base::Log("sandbox").warn("what a command in a container left is not removed",
                                {{"folder", folder.filename().string()}, {"reason", failure.what()}});
    }
  }
}

ContainerFiles ContainerHost::filesOf(const std::string& id) const {
  return {.folder = config_.folder / "containers" / id, .mountPoint = config_.mountFolder / name_ / id};
}

void ContainerHost::claim(const std::string& id) {
  if (exists(id)) leftovers_.wait();
  const std::lock_guard lock(idsMutex_);
  if (::mkdir(filesOf(id).folder.c_str(), 0700) == 0) return;
  if (errno == EEXIST) throw Error(Errc::alreadyExists, "container " + id + " exists already");
  base::throwErrno(errno, "making a container's folder");
}

bool ContainerHost::exists(const std::string& id) const {
  std::error_code ignored;
  return fs::exists(filesOf(id).folder, ignored);
}

std::vector<std::string> ContainerHost::list() {
  leftovers_.wait();
  return present();
}

std::vector<std::string> ContainerHost::present() const {
  std::vector<std::string> ids;
  for (const auto& entry : fs::directory_iterator(config_.folder / "containers"))
    ids.push_back(entry.path().filename().string());
  std::sort(ids.begin(), ids.end());
  return ids;
}

ContainerState ContainerHost::create(const ContainerSpec& spec, const OutputTarget& output, base::Time now) {
  const ContainerFiles files = filesOf(spec.id);
  const ResolverFile resolver = hostResolvConf(config_.nameServers);
  if (resolver.guessed && spec.network && !spec.filter)
    base::Log("sandbox").warn(
        "no name server of the host can be reached from containers; public ones are used",
        {{"setting", "name_servers"}});
  fillFolder(spec, files,
             {.initProgram = programs_.init,
              .emptyLayer = config_.folder / "empty-layer",
              .userNamespaceBase = config_.userNamespaceBase,
              .cgroupsPath = cgroups_.exists() ? cgroups_.fullPath(cgroupsPath(spec.id)) : "",
              .limitSwap = cgroups_.countsSwap(),
              .showLimits = cgroups_.isV2() || !cgroups_.exists(),
              .resolvConf = spec.filter ? kGuardedResolvConf : resolver.text});
  OutputTarget placed = output;
  if (!output.logFile.empty()) placed.logFile = placeLog(output.logFile, files);
  const CreatedContainer created = createContainer(programs_, spec.id, files, placed);
  cgroups_.adopt("/" + name_ + "/monitors", created.monitor.pid);
  ContainerState state{.init = created.init, .monitor = created.monitor, .address = "", .startedAt = now};
  if (spec.network) {
    state.address = network_.attach(spec.id, created.init.pid);
    addHostsEntry(files, state.address, spec.hostname.empty() ? spec.id : spec.hostname);
    state.networkGroup = spec.networkGroup;
  }
  giveOutputTo(created.init, hostId(spec.uid), hostId(spec.gid));
  state.save(files.state());
  if (!state.networkGroup.empty()) join(spec.id, state.networkGroup);
  return state;
}

void ContainerHost::launch(const std::string& id, const ContainerState& state) {
  startContainer(programs_, id, filesOf(id), state.init);
}

RunResult ContainerHost::exec(const std::string& id, const ExecSpec& spec, base::ByteSink& output,
                              const RunOptions& options) {
  const ContainerFiles files = filesOf(id);
  const auto state = ContainerState::load(files.state());
  if (!state || !state->init.alive()) throw Error(Errc::notFound, "container " + id + " does not run");
  struct stat user {};
  if (::stat(("/proc/" + std::to_string(state->init.pid)).c_str(), &user) != 0)
    throw Error(Errc::notFound, "container " + id + " does not run");
  const ExecTarget target{.id = id,
                          .files = files,
                          .init = state->init,
                          .hostUid = user.st_uid,
                          .hostGid = user.st_gid,
                          .processes = [&] { return processesOf(id); }};
  return execToEnd(programs_, target, execsFolder() / newExecName(id), spec, output, options);
}

NetworkGuard::Setup ContainerHost::guardOf(const ContainerSpec& spec, const ProcessRef& init) const {
  return {.init = init.pid,
          .filter = spec.network ? *spec.filter : NetworkFilter{},
          .nameServers = nameServersOf(hostResolvConf(config_.nameServers).text)};
}

void ContainerHost::signalAll(const std::string& id, int signalNumber) const {
  const auto state = ContainerState::load(filesOf(id).state());
  const pid_t init = state ? state->init.pid : 0;
  std::map<pid_t, base::Fd> opened;
  for (const pid_t pid : processesOf(id))
    opened.emplace(pid, ProcessRef::of(pid).open());
  // Read again with the descriptors open: what is still in the group is what they mean.
  const std::vector<pid_t> members = processesOf(id);
  const bool initAlone = members.size() == 1;
  for (const pid_t pid : members) {
    const auto found = opened.find(pid);
    if (found == opened.end()) continue;
    if (pid == init && !initAlone && signalNumber != SIGKILL) continue;
    signalProcess(found->second, signalNumber);
  }
}

std::vector<pid_t> ContainerHost::processesOf(const std::string& id) const {
  if (cgroups_.exists()) return cgroups_.processes(cgroupsPath(id));
  const auto state = ContainerState::load(filesOf(id).state());
  return state ? processesBeside(state->init) : std::vector<pid_t>{};
}

ContainerUsage ContainerHost::usage(const std::string& id) const {
  return cgroups_.exists() ? cgroups_.usage(cgroupsPath(id)) : usageOf(processesOf(id));
}

void ContainerHost::setNetworkGroups(const std::vector<NetworkGroup>& groups) {
  const std::lock_guard lock(groupsMutex_);
  groups_ = groups;
  connectGroups();
}

void ContainerHost::join(const std::string& id, const std::string& group) {
  const std::lock_guard lock(groupsMutex_);
  joined_[id] = group;
  connectGroups();
}

/// Before its address is another's.
void ContainerHost::leave(const std::string& id) {
  const std::lock_guard lock(groupsMutex_);
  if (joined_.erase(id) != 0) connectGroups();
}

/// With groupsMutex_ held. Until somebody has said which groups there are, they stay as they were.
void ContainerHost::connectGroups() {
  if (!groups_) return;
  std::map<std::string, std::vector<NetworkPeer>> groups;
  for (const NetworkGroup& group : *groups_)
    groups[group.name] = group.peers;
  for (const auto& [id, group] : joined_)
    groups[group].push_back({.id = id, .names = {}});
  std::vector<std::vector<std::string>> addresses;
  std::map<std::string, std::string> entries;
  for (const auto& [name, group] : groups) {
    std::vector<std::string> members;
    std::string lines;
    for (const NetworkPeer& peer : group) {
      const auto state = ContainerState::load(filesOf(peer.id).state());
      if (!state || state->address.empty()) continue;
      members.push_back(state->address);
      if (!peer.names.empty()) lines += state->address + "\t" + base::join(peer.names, " ") + "\n";
    }
    std::sort(members.begin(), members.end());
    if (members.size() > 1) addresses.push_back(std::move(members));
    for (const NetworkPeer& peer : group)
      entries[peer.id] = lines;
  }
  // The way first, then the names that lead there.
  network_.setGroups(std::move(addresses));
  for (const auto& [id, lines] : hostsEntries_)
    entries.try_emplace(id);
  std::erase_if(entries, [this](const auto& entry) { return !exists(entry.first); });
  for (const auto& [id, lines] : entries) {
    const auto known = hostsEntries_.find(id);
    if (known != hostsEntries_.end() && known->second == lines) continue;
    std::error_code gone;
    if (fs::exists(filesOf(id).hosts(), gone)) setHostsEntries(filesOf(id), lines);
  }
  hostsEntries_ = std::move(entries);
}

std::uint64_t ContainerHost::unlinkedBytes(const std::string& id, dev_t device) const {
  constexpr std::uint64_t kBlockBytes = 512;
  std::uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const pid_t pid : processesOf(id)) {
    std::error_code gone;
    for (fs::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", gone), end;
         !gone && entry != end; entry.increment(gone)) {
      struct stat info {};
      const bool unlinked = ::stat(entry->path().c_str(), &info) == 0 && info.st_nlink == 0 &&
                            S_ISREG(info.st_mode) && (info.st_dev == device || isOnOverlay(entry->path()));
      if (unlinked && seen.insert({info.st_dev, info.st_ino}).second)
        bytes += static_cast<std::uint64_t>(info.st_blocks) * kBlockBytes;
    }
  }
  return bytes;
}

std::uint64_t ContainerHost::writtenBytes(const std::string& id) const {
  const fs::path upper = filesOf(id).upper();
  struct stat info {};
  if (::stat(upper.c_str(), &info) != 0) return 0;
  return base::measureTree(upper).diskBytes + unlinkedBytes(id, info.st_dev);
}

void ContainerHost::killAll(const std::string& id) {
  const ContainerFiles files = filesOf(id);
  const auto state = ContainerState::load(files.state());
  const base::Fd monitor = (state ? state->monitor : processOfFile(files.monitorPidFile())).open();
  const base::Fd init = state ? state->init.open() : base::Fd();
  signalProcess(monitor, SIGCONT);
  signalProcess(init, SIGKILL);  // the kernel ends the whole pid namespace with it
  signalAll(id, SIGKILL);
  if (!waitForEnd(init, kDeathWaitMs))
    throw Error(Errc::timedOut, "the processes of container " + id + " do not end, not even by SIGKILL");
  // conmon goes when its container has; one that is left has lost it.
  if (!waitForEnd(monitor, kMonitorWaitMs)) signalProcess(monitor, SIGKILL);
}

void ContainerHost::remove(const std::string& id) {
  if (!exists(id)) return;
  leftovers_.wait();  // it may be one of them
  removeNow(id);
}

void ContainerHost::removeSoon(const std::string& id) {
  killAll(id);
  unmountFolder(filesOf(id));
  leftovers_.add(id);
}

void ContainerHost::removeNow(const std::string& id) {
  if (!exists(id)) return;
  killAll(id);
  // Of a container that ended the runtime has nothing but its notes and the cgroups; asking it takes 20 ms.
  // One that was not finished may have more.
  if (ContainerState::load(filesOf(id).state())) {
    base::removeTree(programs_.runtimeRoot / id);
  } else {
    deleteContainer(programs_, id);
  }
  cgroups_.removeEmpty(cgroupsPath(id));
  leave(id);
  network_.detach(id);
  discardFolder(filesOf(id));
  removeSharedIfUnused();
}

void ContainerHost::removeSharedIfUnused() {
  const std::lock_guard lock(idsMutex_);
  if (!present().empty()) return;
  network_.tearDown();
  cgroups_.removeEmpty("/" + name_);
  ::rmdir((config_.mountFolder / name_).c_str());
}

std::string ContainerHost::describe() const {
  return cgroups_.describe() + ", user namespace " + std::to_string(config_.userNamespaceBase) + "+" +
         std::to_string(kUserNamespaceSize);
}

}  // namespace sandbox
