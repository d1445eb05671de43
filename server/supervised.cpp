#include "server/supervised.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "builder/stack_maker.h"
#include "sandbox/rootless.h"
#include "sandbox/supervisor.h"
#include "server/host_table.h"

namespace server {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSelf = "/proc/self/exe";

void endWithSupervisor() {
  base::Log("server").error(
      "the supervisor, which makes containers, has ended, and the server ends with it: start the server "
      "again; "
      "apps that run go on meanwhile");
  ::_exit(1);
}

}  // namespace

std::string ownProgram() {
  std::error_code unknown;
  const fs::path path = fs::read_symlink(kSelf, unknown);
  struct stat named {};
  struct stat running {};
  const bool isSame = !unknown && ::stat(path.c_str(), &named) == 0 && ::stat(kSelf, &running) == 0 &&
                      named.st_dev == running.st_dev && named.st_ino == running.st_ino;
  return isSame ? path.string() : kSelf;
}

std::vector<fs::path> volumeFolders(const Config& config) {
  std::vector<fs::path> folders;
  for (const std::string& each : base::split(config.volumeFolders, ',')) {
    const std::string_view name = base::trim(each);
    if (name.empty()) continue;
    std::error_code unknown;
    const fs::path folder = fs::weakly_canonical(name, unknown);
    folders.push_back(unknown ? fs::path(name) : folder);
  }
  return folders;
}

std::unique_ptr<sandbox::SupervisedRuntime> startRuntime(const Config& config,
                                                         const controller::DataFolder& folder,
                                                         const base::Confinement& account) {
  const auto below = [&](const fs::path& path) { return path.lexically_relative(folder.root()).string(); };
  sandbox::SupervisorSettings settings{
      .runtime = {.folder = folder.run(),
                  .runtime = config.containerRuntime,
                  .userNamespaceBase = static_cast<std::uint32_t>(config.userNamespaceBase),
                  .subnetPool = config.subnetPool,
                  .nameServers = config.nameServers,
                  .hostServices = containerDoors(config),
                  .mountFolder = sandbox::rootlessUser() ? sandbox::rootlessMountFolder() : "/run"},
      .dataFolder = folder.root(),
      .layerFolders = {below(folder.layers())},
      .mountFolders = {below(folder.builds()), below(folder.oneOffs()), below(folder.caches()),
                       below(folder.allVolumes())},
      .logFolders = {below(folder.appLogs())},
      .operatorFolders = volumeFolders(config),
      .operatorFiles = {},
      .readableFiles = {},
      .programs = hostPrograms(config, folder),
      .daemonUser = account.uid,
      .daemonGroup = account.gid,
      .maxCalls = std::min<std::uint64_t>(config.supervisorMaxCalls, 1'000'000),
      .logLevel = config.logLevel};
  if (!config.caBundle.empty()) settings.operatorFiles.push_back(config.caBundle);
  for (const fs::path& file :
       {config.tlsCertificate, config.tlsKey, config.routerCertificate, config.routerKey, config.acmeCa})
    if (!file.empty()) settings.readableFiles.push_back(file);
  auto runtime = sandbox::startSupervisor(
      {ownProgram(), "supervisor"}, settings,
      {.onDeath = &endWithSupervisor, .beforeThreads = [&account] { base::confine(account); }});
  base::Log("server").info("container runtime chosen",
                           {{"runtime", runtime->describe()}, {"supervisor", runtime->pid()}});
  return runtime;
}

int supervisor(const std::vector<std::string>& args) {
  if (!args.empty()) {
    std::cerr << "fairlead: the supervisor takes no words: fairlead serve starts it\n";
    return 2;
  }
  return sandbox::superviseContainers(builder::stackProgram, {ownProgram(), "unpack-layer"});
}

int unpackLayer(const std::vector<std::string>&) {
  return sandbox::unpackLayerHere();
}

}  // namespace server
