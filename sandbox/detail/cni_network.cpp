#include "sandbox/detail/cni_network.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox {
namespace {

using base::Errc;
using base::Error;
namespace fs = std::filesystem;

constexpr unsigned kSubnetPrefix = 22;  // 1021 containers
constexpr const char* kNetworkName = "fairlead";

// Somebody may reload the firewall under us: containers started later find their way out again.
constexpr auto kRulesRecheck = std::chrono::seconds(10);

bool interfaceExists(const std::string& name) {
  return ::if_nametoindex(name.c_str()) != 0;
}

void removeBridge(const std::string& name) {
  if (!interfaceExists(name)) return;
  const base::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct ifreq request {};
  std::memcpy(request.ifr_name, name.c_str(), std::min(name.size(), sizeof request.ifr_name - 1));
  request.ifr_flags = 0;  // down, or the kernel keeps it
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0 ||
      ::ioctl(socket.get(), SIOCBRDELBR, name.c_str()) != 0)
    base::throwErrno(errno, "removing the containers' bridge " + name);
}

// Packets from the bridge to the outside are routed by the host, which is off on a fresh machine. Left on
// afterwards: others may have come to need it.
void allowForwarding() {
  constexpr const char* kSetting = "/proc/sys/net/ipv4/ip_forward";
  if (base::trim(readOrEmpty(kSetting)) == "1") return;
  base::writeAll(base::openFile(kSetting, O_WRONLY), "1");
}

void writeSetting(const std::string& file, const char* value) {
  base::writeAll(base::openFile(file, O_WRONLY), value);
}

// Ports of the bridge that are isolated pass nothing to each other: the host answers for all addresses, and
// passes on what its packet filter lets through. Without IPv6 the bridge has no link-local
// address at which the host's services would be reached beside the packet filter.
void closeSideDoors(const std::string& bridge, const base::JsonArray::Ptr& interfaces) {
  const std::string ipv6 = "/proc/sys/net/ipv6/conf/" + bridge + "/disable_ipv6";
  std::error_code ignored;
  if (fs::exists(ipv6, ignored)) writeSetting(ipv6, "1");
  const std::string ipv4 = "/proc/sys/net/ipv4/conf/" + bridge;
  writeSetting(ipv4 + "/proxy_arp_pvlan", "1");
  writeSetting(ipv4 + "/send_redirects", "0");
  for (std::size_t i = 0; !interfaces.isNull() && i < interfaces->size(); ++i) {
    const auto interface = interfaces->getObject(static_cast<unsigned>(i));
    const std::string name = base::jsonString(interface, "name");
    if (name != bridge && base::jsonString(interface, "sandbox").empty())
      writeSetting("/sys/class/net/" + name + "/brport/isolated", "1");
  }
}

// The containers' packets must fit where they leave the host (tunnels and clouds have less than 1500).
std::uint64_t outsideMtu() {
  const std::string interface = defaultInterface(readOrEmpty("/proc/net/route"));
  std::uint64_t mtu = 0;
  constexpr std::uint64_t kEthernet = 1500;
  if (interface.empty() ||
      !base::parseNumber(base::trim(readOrEmpty("/sys/class/net/" + interface + "/mtu")), mtu))
    return kEthernet;
  return std::min(mtu, kEthernet);
}

}  // namespace

CniNetwork::CniNetwork(CniNetworkConfig config) : config_(std::move(config)) {
  CHECK(config_.name.size() < IFNAMSIZ);
}

// Data folders of one host choose their subnets one after the other.
base::Fd CniNetwork::lockHost() const {
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW;
  base::Fd lock(::open("/run/fairlead-network.lock", kFlags | O_CLOEXEC, 0600));
  if (!lock.valid()) lock = base::openFile(config_.folder / "network.lock", kFlags);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) base::throwErrno(errno, "locking the containers' network");
  }
  return lock;
}

std::optional<Ipv4Network> CniNetwork::rememberedSubnet() const {
  const fs::path file = config_.folder / "network.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  return Ipv4Network::parse(
      base::jsonString(base::parseJsonObject(base::readFile(file), "network.json"), "subnet"));
}

Ipv4Network CniNetwork::chooseSubnet() {
  std::vector<Ipv4Route> routes = parseRoutes(readOrEmpty("/proc/net/route"));
  std::erase_if(routes, [&](const Ipv4Route& route) { return route.interface == config_.name; });
  const auto before = rememberedSubnet();
  if (before && config_.pool.overlaps(*before) && usable(*before, config_.pool, routes)) return *before;
  const auto chosen = freeNetwork(config_.pool, kSubnetPrefix, config_.seed, routes);
  if (!chosen)
    throw Error(Errc::unavailable,
                "all of " + config_.pool.str() +
                    " is in use on this host: set subnet_pool to private addresses that are free");
  if (before) Firewall(config_.name, *before, config_.doors).remove();
  auto object = base::makeJsonObject();
  object->set("bridge", config_.name);
  object->set("subnet", chosen->str());
  base::writeFileAtomically(config_.folder / "network.json", base::toJson(object));
  base::Log("sandbox").info("subnet chosen", {{"bridge", config_.name}, {"subnet", chosen->str()}});
  return *chosen;
}

base::JsonObject::Ptr CniNetwork::pluginConfig(const Ipv4Network& subnet) const {
  auto range = base::makeJsonObject();
  range->set("subnet", subnet.str());
  auto ranges = base::makeJsonArray();
  auto rangeSet = base::makeJsonArray();
  rangeSet->add(range);
  ranges->add(rangeSet);
  auto route = base::makeJsonObject();
  route->set("dst", "0.0.0.0/0");
  auto routes = base::makeJsonArray();
  routes->add(route);
  auto ipam = base::makeJsonObject();
  ipam->set("type", "host-local");
  ipam->set("dataDir", (config_.folder / "leases").string());
  ipam->set("ranges", ranges);
  ipam->set("routes", routes);
  auto config = base::makeJsonObject();
  config->set("cniVersion", "1.0.0");
  config->set("name", kNetworkName);
  config->set("type", "bridge");
  config->set("bridge", config_.name);
  config->set("isGateway", true);
  config->set("ipMasq",
              false);  // one rule for the bridge instead of a chain for each container: see Firewall
  config->set("hairpinMode", false);
  config->set("mtu", outsideMtu());
  config->set("ipam", ipam);
  return config;
}

base::JsonObject::Ptr CniNetwork::callPlugin(const std::string& command, const std::string& id,
                                             const std::string& netns, const Ipv4Network& subnet) const {
  base::CommandOptions options;
  options.input = base::toJson(pluginConfig(subnet));
  options.environment = {"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + id, "CNI_NETNS=" + netns,
                         "CNI_IFNAME=eth0", "CNI_PATH=" + config_.plugins.string()};
  const auto output = base::runCommand({(config_.plugins / "bridge").string()}, options);
  if (!output.status.ok()) {
    std::string reason = output.status.describe();
    if (!base::trim(output.out).empty())
      reason =
          base::jsonString(base::parseJsonObject(output.out, "the bridge plugin's answer"), "msg", reason);
    throw Error(Errc::unavailable,
                "the CNI bridge plugin failed (" + command + "): " + base::printable(reason, 300));
  }
  return base::trim(output.out).empty() ? base::makeJsonObject()
                                        : base::parseJsonObject(output.out, "the bridge plugin's answer");
}

std::string CniNetwork::attachTo(const Ipv4Network& subnet, const std::string& id, pid_t pid) const {
  const auto answer = callPlugin("ADD", id, "/proc/" + std::to_string(pid) + "/ns/net", subnet);
  const auto addresses = answer->getArray("ips");
  if (addresses.isNull() || addresses->empty())
    throw Error(Errc::unavailable, "the CNI bridge plugin gave no address");
  closeSideDoors(config_.name, answer->getArray("interfaces"));
  const std::string address = base::jsonString(addresses->getObject(0), "address");
  return address.substr(0, address.find('/'));
}

std::string CniNetwork::attach(const std::string& id, pid_t pid) {
  std::unique_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const auto known = rememberedSubnet();
  if (known && interfaceExists(config_.name)) {
    if (now - rulesCheckedAt_ > kRulesRecheck) {
      allowForwarding();
      Firewall(config_.name, *known, config_.doors, groups_).ensure();
      rulesCheckedAt_ = now;
    }
    lock.unlock();
    return attachTo(*known, id, pid);
  }
  // The lock is kept until the bridge has its address: that is what other data folders see of our choice.
  const base::Fd hostLock = lockHost();
  const Ipv4Network subnet = chooseSubnet();
  Firewall(config_.name, subnet, config_.doors, groups_).ensure();
  rulesCheckedAt_ = now;
  allowForwarding();
  return attachTo(subnet, id, pid);
}

bool CniNetwork::hasLease(const std::string& id) const {
  std::error_code ignored;
  for (fs::directory_iterator entry(config_.folder / "leases" / kNetworkName, ignored), end; entry != end;
       entry.increment(ignored)) {
    std::ifstream in(entry->path());
    std::string owner;
    if (in >> owner && owner == id) return true;  // host-local: the first line is the container's id
  }
  return false;
}

void CniNetwork::detach(const std::string& id) {
  const auto subnet = rememberedSubnet();
  if (subnet && hasLease(id)) callPlugin("DEL", id, "", *subnet);
}

void CniNetwork::setGroups(std::vector<std::vector<std::string>> groups) {
  const std::lock_guard lock(mutex_);
  if (groups == groups_) return;
  groups_ = std::move(groups);
  const auto subnet = rememberedSubnet();
  if (subnet && interfaceExists(config_.name))
    Firewall(config_.name, *subnet, config_.doors, groups_).refresh();
}

void CniNetwork::tearDown() {
  const std::lock_guard lock(mutex_);
  const auto subnet = rememberedSubnet();
  if (!subnet || !interfaceExists(config_.name)) return;
  removeBridge(config_.name);
  Firewall(config_.name, *subnet, config_.doors).remove();
}

}  // namespace sandbox
