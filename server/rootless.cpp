#include "server/rootless.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/tcp_listener.h"
#include "controller/data_folder.h"
#include "sandbox/oci_runtime.h"
#include "sandbox/rootless.h"
#include "server/folder_lock.h"
#include "server/supervised.h"

namespace server {
namespace {

namespace fs = std::filesystem;

sandbox::RootlessSettings settingsOf(const Config& config) {
  const controller::DataFolder folder(config.data);
  return {.folder = folder.run() / "rootless",
          .nameServers = config.nameServers,
          .logLevel = config.logLevel,
          .doorCommand = {ownProgram(), "rootless-door"},
          .containers = folder.run() / "containers",
          .router = folder.router()};
}

/// The settings' addresses as they are to be listened on: numbers, and no port 0. One that the door has open
/// for the server before is not free, and needs not be.
std::vector<std::pair<std::string, std::string>> listenersOf(const Config& config,
                                                             const std::vector<std::string>& open) {
  std::vector<std::pair<std::string, std::string>> listeners{
      {"ssh_listen", config.sshListen},
      {"http_listen", config.httpListen},
      {"https_listen", config.httpsListen},
      {"router_listen", config.routerListen},
      {"router_https_listen", config.routerHttpsListen},
      {"rendezvous_listen", config.rendezvousListen}};
  std::erase_if(listeners, [](const auto& each) { return each.second.empty(); });
  std::vector<base::TcpListener> held;  // all at once, or two could get one port
  for (auto& [setting, address] : listeners) {
    if (std::find(open.begin(), open.end(), address) != open.end()) continue;
    held.push_back(base::listenTcp(address, setting));
    address = held.back().address;
  }
  return listeners;
}

std::string optionOf(const std::string& setting) {
  std::string option = "--" + setting;
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

[[noreturn]] void becomeProgram(const std::vector<std::string>& words) {
  std::vector<char*> raw;
  raw.reserve(words.size() + 1);
  for (const std::string& word : words)
    raw.push_back(const_cast<char*>(word.c_str()));
  raw.push_back(nullptr);
  ::execv(words.front().c_str(), raw.data());
  base::throwErrno(errno, "starting the server in its namespaces");
}

}  // namespace

void serveRootless(const Config& config, const std::vector<std::string>& args) {
  // Until the server has it itself: its door is not to be touched while another one serves.
  const base::Fd lock = lockDataFolder(controller::DataFolder(config.data));
  const sandbox::RootlessSettings settings = settingsOf(config);
  const auto listeners = listenersOf(config, sandbox::openRootless(settings));
  std::vector<std::string> words{ownProgram(), "serve"};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<std::string> addresses;
  for (const auto& [setting, address] : listeners) {
    words.insert(words.end(), {optionOf(setting), address});
    addresses.push_back(address);
  }
  sandbox::enterRootless(settings, addresses);
  becomeProgram(words);
}

void adaptToRootless(Config& config) {
  if (!sandbox::rootlessUser()) return;
  if (!config.sshShellUser.empty())
    throw base::Error(base::Errc::invalidArgument,
                      "ssh_shell_user is another account's way in, which a server without root cannot tell "
                      "from others: leave it out, or start the server as root");
  config.userNamespaceBase = sandbox::kRootlessIdBase;
  config.daemonUser = config.routerUser = "root";
  // Of iptables' older kind; the host's is not ours to take.
  ::setenv("XTABLES_LOCKFILE", (config.data / "run/xtables.lock").c_str(), 1);
}

int rootlessDoor(const std::vector<std::string>& args) {
  return sandbox::keepDoor(args);
}

int tryRootless(const std::vector<std::string>& args) {
  if (args.size() != 1 && args.size() != 2) {
    std::cerr << "fairlead: try-rootless is of fairlead doctor\n";
    return 2;
  }
  Config config;
  config.data = args.front();
  if (args.size() == 1) {
    const sandbox::RootlessSettings settings = settingsOf(config);
    fs::create_directories(settings.folder);
    sandbox::openRootless(settings);
    sandbox::enterRootless(settings, {});
    becomeProgram({ownProgram(), "try-rootless", args.front(), "inside"});
  }
  const base::SystemClock clock;
  std::cout << sandbox::makeOciRuntime({.folder = fs::path(args.front()) / "run",
                                        .runtime = config.containerRuntime,
                                        .userNamespaceBase = sandbox::kRootlessIdBase,
                                        .subnetPool = config.subnetPool,
                                        .nameServers = config.nameServers,
                                        .hostServices = "",
                                        .mountFolder = sandbox::rootlessMountFolder()},
                                       clock)
                   ->describe()
            << '\n';
  return 0;
}

}  // namespace server
