#include "server/doctor.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/cli.h"
#include "controller/data_folder.h"
#include "sandbox/oci_runtime.h"
#include "sandbox/rootless.h"
#include "server/daemon_account.h"
#include "server/supervised.h"

namespace server {
namespace {

/// A runtime of its own in a folder that goes.
std::string tryRuntime(const Config& config, const base::Clock& clock) {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("fairlead-doctor-" + base::randomHex(6));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { base::removeTree(path); }
  };
  const Folder folder;
  if (::geteuid() != 0) {
    const auto tried = base::runCommand({ownProgram(), "try-rootless", folder.path.string()});
    if (tried.status.ok()) return std::string(base::trim(tried.out));
    const std::string_view said = base::trim(tried.err);
    constexpr std::string_view kUs = "fairlead: ";
    const auto ours = said.rfind(kUs);
    throw base::Error(base::Errc::unavailable, ours == std::string_view::npos
                                                   ? tried.status.describe()
                                                   : std::string(said.substr(ours + kUs.size())));
  }
  return sandbox::makeOciRuntime({.folder = folder.path,
                                  .runtime = config.containerRuntime,
                                  .userNamespaceBase = static_cast<std::uint32_t>(config.userNamespaceBase),
                                  .subnetPool = config.subnetPool,
                                  .nameServers = config.nameServers,
                                  .hostServices = ""},
                                 clock)
      ->describe();
}

std::string accountName(uid_t uid) {
  const passwd* entry = ::getpwuid(uid);
  return entry != nullptr ? entry->pw_name : "the user " + std::to_string(uid);
}

}  // namespace

controller::DoctorSettings doctorSettings(const Config& config) {
  controller::DoctorSettings settings{.data = config.data,
                                      .domain = config.domain,
                                      .listeners = {{"ssh_listen", config.sshListen},
                                                    {"http_listen", config.httpListen},
                                                    {"router_listen", config.routerListen}},
                                      .defaultStack = config.defaultStack,
                                      .minFreeBytes = config.push.diskFreeBytes,
                                      .routerUser = config.routerUser};
  const base::Confinement daemon = daemonAccount(config);
  settings.daemonUser = config.daemonUser;
  settings.daemonUid = daemon.uid;
  settings.daemonGid = daemon.gid;
  if (const auto user = sandbox::rootlessUser()) settings.ordinaryUser = accountName(*user);
  if (!config.routerHttpsListen.empty())
    settings.listeners.emplace_back("router_https_listen", config.routerHttpsListen);
  if (!config.httpsListen.empty()) settings.listeners.emplace_back("https_listen", config.httpsListen);
  if (!config.rendezvousListen.empty())
    settings.listeners.emplace_back("rendezvous_listen", config.rendezvousListen);
  return settings;
}

int doctor(const std::vector<std::string>& args) {
  std::vector<std::string> words = args;
  const bool json = std::erase(words, "--json") > 0;
  Config config;
  try {
    config = parseConfig(words);
  } catch (const base::Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 2;
  }
  const char* url = std::getenv("FAIRLEAD_URL");
  const bool remote = url != nullptr && *url != '\0' && words.empty();
  if (remote || std::filesystem::exists(controller::DataFolder(config.data).readyFile())) {
    std::vector<std::string> forwarded{"doctor"};
    if (!remote) forwarded.insert(forwarded.begin(), {"--data", config.data.string()});
    if (json) forwarded.emplace_back("--json");
    return cli::run(forwarded);
  }
  base::configureLogging("error");
  const base::SystemClock clock;
  controller::DoctorSettings settings = doctorSettings(config);
  if (::geteuid() != 0) settings.ordinaryUser = accountName(::geteuid());
  try {
    const auto findings = controller::Doctor(settings, clock)
                              .examine({.tryRuntime = [&] { return tryRuntime(config, clock); },
                                        .stacks = std::nullopt,
                                        .endpoints = std::nullopt});
    std::cout << (json ? base::toJson(controller::renderFindings(findings)) + "\n"
                       : controller::renderReport(findings));
    return controller::exitCodeOf(findings);
  } catch (const base::Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace server
