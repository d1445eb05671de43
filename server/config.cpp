#include "server/config.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "controller/image_publisher.h"
#include "controller/public_urls.h"
#include "registry/image_reference.h"

namespace server {
namespace {

struct Setting {
  std::function<void(Config&, const std::string&)> set;
  std::function<std::string(const Config&)> show;
};

Setting text(std::string Config::*member) {
  return {[member](Config& config, const std::string& value) { config.*member = value; },
          [member](const Config& config) { return config.*member; }};
}

Setting oneOf(std::vector<std::string> words, std::string Config::*member) {
  return {[words, member](Config& config, const std::string& value) {
            if (std::find(words.begin(), words.end(), value) == words.end())
              throw base::Error(base::Errc::invalidArgument,
                                "\"" + base::printable(value) + "\" is none of " + base::join(words, ", "));
            config.*member = value;
          },
          [member](const Config& config) { return config.*member; }};
}

/// A text that `check` throws for when it is wrong; empty: none.
Setting checkedText(void (*check)(const std::string&), std::string Config::*member) {
  return {[check, member](Config& config, const std::string& value) {
            if (!value.empty()) check(value);
            config.*member = value;
          },
          [member](const Config& config) { return config.*member; }};
}

void checkHosts(const std::string& hosts) {
  for (const std::string& host : base::split(hosts, ',')) {
    if (!registry::isRegistryHost(base::trim(host)))
      throw base::Error(
          base::Errc::invalidArgument,
          "\"" + base::printable(host) + "\" is no host: name them like NAME or NAME:PORT, commas between");
  }
}

void checkFolders(const std::string& folders) {
  for (const std::string& folder : base::split(folders, ','))
    if (!base::trim(folder).starts_with('/'))
      throw base::Error(
          base::Errc::invalidArgument,
          "\"" + base::printable(folder) + "\" is no absolute path: name folders like /srv, commas between");
}

void checkDirectory(const std::string& url) {
  if (url != "internal" && !url.starts_with("https://"))
    throw base::Error(base::Errc::invalidArgument,
                      "\"" + base::printable(url) +
                          "\" is no directory of an authority: it is an https:// "
                          "address, or \"internal\" for the router's own authority");
}

void checkEmail(const std::string& address) {
  if (address.find('@') == std::string::npos || address.find_first_of(" \t\"{}") != std::string::npos)
    throw base::Error(base::Errc::invalidArgument,
                      "\"" + base::printable(address) + "\" is no e-mail address");
}

Setting path(std::filesystem::path Config::*member) {
  return {[member](Config& config, const std::string& value) { config.*member = value; },
          [member](const Config& config) { return (config.*member).string(); }};
}

/// A whole number that `of` finds in the configuration.
template <typename Of>
Setting numberAt(Of of) {
  return {[of](Config& config, const std::string& value) {
            if (!base::parseNumber(value, of(config)))
              throw base::Error(base::Errc::invalidArgument,
                                "\"" + base::printable(value) + "\" is no whole number");
          },
          [of](const Config& config) { return std::to_string(of(config)); }};
}

Setting number(std::uint64_t Config::*member) {
  return numberAt([member](auto& config) -> auto& { return config.*member; });
}

/// A whole number of at least `least`.
Setting numberFrom(std::uint64_t least, std::uint64_t Config::*member) {
  Setting setting = number(member);
  setting.set = [least, member, set = setting.set](Config& config, const std::string& value) {
    set(config, value);
    if (config.*member < least)
      throw base::Error(base::Errc::invalidArgument, "it has to be at least " + std::to_string(least));
  };
  return setting;
}

Setting pushLimit(std::uint64_t gitd::PushLimits::*member) {
  return numberAt([member](auto& config) -> auto& { return config.push.*member; });
}

Setting cronLimit(std::uint64_t store::CronLimits::*member) {
  return numberAt([member](auto& config) -> auto& { return config.cron.limits.*member; });
}

/// Of the limits that apps have too: read and shown as there.
Setting limit(const char* name, std::uint64_t Config::*member) {
  return {[name, member](Config& config, const std::string& value) {
            config.*member = controller::parseLimit(controller::appLimit(name), value);
          },
          [name, member](const Config& config) {
            return controller::showLimit(controller::appLimit(name), config.*member);
          }};
}

Setting maxima() {
  return {
      [](Config& config, const std::string& value) { config.appLimitsMax = controller::parseLimits(value); },
      [](const Config& config) {
        std::vector<std::string> words;
        for (const auto& [name, value] : config.appLimitsMax)
          words.push_back(name + "=" + controller::showLimit(controller::appLimit(name), value));
        return base::join(words, " ");
      }};
}

const std::map<std::string, Setting>& settings() {
  static const std::map<std::string, Setting> table{
      {"data", path(&Config::data)},
      {"ssh_listen", text(&Config::sshListen)},
      {"http_listen", text(&Config::httpListen)},
      {"router_listen", text(&Config::routerListen)},
      {"router_https_listen", text(&Config::routerHttpsListen)},
      {"router_certificate", path(&Config::routerCertificate)},
      {"router_key", path(&Config::routerKey)},
      {"router_user", text(&Config::routerUser)},
      {"daemon_user", text(&Config::daemonUser)},
      {"router_redirect", oneOf({"on", "off"}, &Config::routerRedirect)},
      {"acme_directory", checkedText(checkDirectory, &Config::acmeDirectory)},
      {"acme_email", checkedText(checkEmail, &Config::acmeEmail)},
      {"acme_ca", path(&Config::acmeCa)},
      {"https_listen", text(&Config::httpsListen)},
      {"tls_certificate", path(&Config::tlsCertificate)},
      {"tls_key", path(&Config::tlsKey)},
      {"rendezvous_listen", text(&Config::rendezvousListen)},
      {"rendezvous_max_waiting", number(&Config::rendezvousMaxWaiting)},
      {"rendezvous_secret_s", number(&Config::rendezvousSecretS)},
      {"rendezvous_greeting_s", number(&Config::rendezvousGreetingS)},
      {"domain", text(&Config::domain)},
      {"public_url",
       checkedText([](const std::string& value) { controller::parsePublicUrl(value); }, &Config::publicUrl)},
      {"admin_key", path(&Config::adminKey)},
      {"log_level", text(&Config::logLevel)},
      {"default_stack", text(&Config::defaultStack)},
      {"container_runtime", text(&Config::containerRuntime)},
      {"buildpack_source", oneOf({"bundled", "heroku"}, &Config::buildpackSource)},
      {"subnet_pool", text(&Config::subnetPool)},
      {"name_servers", text(&Config::nameServers)},
      {"host_services", text(&Config::hostServices)},
      {"ca_bundle", path(&Config::caBundle)},
      {"user_namespace_base", number(&Config::userNamespaceBase)},
      {"volume_folders", checkedText(checkFolders, &Config::volumeFolders)},
      {"supervisor_max_calls", numberFrom(16, &Config::supervisorMaxCalls)},
      {"max_parallel_builds", number(&Config::maxParallelBuilds)},
      {"build_queue_max", number(&Config::buildQueueMax)},
      {"build_timeout_s", limit("build_timeout_s", &Config::buildTimeoutS)},
      {"build_memory_bytes", limit("build_memory_bytes", &Config::buildMemoryBytes)},
      {"build_pids", limit("build_pids", &Config::buildPids)},
      {"build_idle_timeout_s", limit("build_idle_timeout_s", &Config::buildIdleTimeoutS)},
      {"build_cpus", limit("build_cpus", &Config::buildCpuMillis)},
      {"build_cpu_weight", number(&Config::buildCpuWeight)},
      {"build_disk_bytes", limit("build_disk_bytes", &Config::buildDiskBytes)},
      {"slug_max_expanded_bytes", limit("slug_max_expanded_bytes", &Config::slugMaxExpandedBytes)},
      {"slug_max_files", limit("slug_max_files", &Config::slugMaxFiles)},
      {"app_limits_max", maxima()},
      {"build_log_max_bytes", limit("build_log_max_bytes", &Config::buildLogMaxBytes)},
      {"slug_compression", oneOf({"gzip", "zstd"}, &Config::slugCompression)},
      {"slug_max_bytes", limit("slug_max_bytes", &Config::slugMaxBytes)},
      {"slug_warn_bytes", number(&Config::slugWarnBytes)},
      {"slug_uploads_max", number(&Config::slugUploadsMax)},
      {"export_max_files", number(&Config::exportMaxFiles)},
      {"export_max_bytes", number(&Config::exportMaxBytes)},
      {"export_max_depth", number(&Config::exportMaxDepth)},
      {"source_max_bytes", number(&Config::sourceMaxBytes)},
      {"api_requests_per_hour", number(&Config::apiRequestsPerHour)},
      {"url_lifetime_s", number(&Config::urlLifetimeS)},
      {"pack_max_bytes", number(&Config::packMaxBytes)},
      {"pack_max_objects", number(&Config::packMaxObjects)},
      {"pack_join_count", number(&Config::packJoinCount)},
      {"object_max_bytes", number(&Config::objectMaxBytes)},
      {"pack_memory_bytes", number(&Config::packMemoryBytes)},
      {"pack_unpacked_max_bytes", pushLimit(&gitd::PushLimits::unpackedBytes)},
      {"pack_unpacked_max_ratio", pushLimit(&gitd::PushLimits::unpackedRatio)},
      {"pack_max_delta_depth", pushLimit(&gitd::PushLimits::deltaDepth)},
      {"pack_unpack_max_s", pushLimit(&gitd::PushLimits::unpackSeconds)},
      {"tree_max_bytes", pushLimit(&gitd::PushLimits::treeBytes)},
      {"push_max_commands", pushLimit(&gitd::PushLimits::commands)},
      {"push_max_command_bytes", pushLimit(&gitd::PushLimits::commandBytes)},
      {"push_max_option_bytes", pushLimit(&gitd::PushLimits::optionBytes)},
      {"push_max_shallow", pushLimit(&gitd::PushLimits::shallow)},
      {"repository_max_refs", pushLimit(&gitd::PushLimits::refs)},
      {"disk_min_free_bytes", pushLimit(&gitd::PushLimits::diskFreeBytes)},
      {"ssh_max_connections", number(&Config::sshMaxConnections)},
      {"ssh_max_unauthenticated", number(&Config::sshMaxUnauthenticated)},
      {"ssh_max_unauthenticated_per_source", number(&Config::sshMaxUnauthenticatedPerSource)},
      {"ssh_max_per_source", number(&Config::sshMaxPerSource)},
      {"ssh_max_waiting", number(&Config::sshMaxWaiting)},
      {"ssh_max_wait_s", number(&Config::sshMaxWaitS)},
      {"ssh_max_channels", number(&Config::sshMaxChannels)},
      {"ssh_keepalive_s", number(&Config::sshKeepaliveS)},
      {"ssh_shell_user", text(&Config::sshShellUser)},
      {"ssh_drain_s", number(&Config::sshDrainS)},
      {"ssh_login_grace_s", number(&Config::sshLoginGraceS)},
      {"ssh_idle_timeout_s", number(&Config::sshIdleTimeoutS)},
      {"port_timeout_s", number(&Config::portTimeoutS)},
      {"stop_grace_s", number(&Config::stopGraceS)},
      {"drain_max_s", number(&Config::drainMaxS)},
      {"process_memory_bytes", limit("process_memory_bytes", &Config::processMemoryBytes)},
      {"process_pids", limit("process_pids", &Config::processPids)},
      {"process_cpus", limit("process_cpus", &Config::processCpuMillis)},
      {"process_disk_bytes", limit("process_disk_bytes", &Config::processDiskBytes)},
      {"gc_keep_releases", number(&Config::gcKeepReleases)},
      {"gc_keep_days", number(&Config::gcKeepDays)},
      {"gc_grace_s", number(&Config::gcGraceS)},
      {"gc_lease_s", number(&Config::gcLeaseS)},
      {"gc_interval_s", number(&Config::gcIntervalS)},
      {"scrub_bytes_per_s", number(&Config::scrubBytesPerS)},
      {"scrub_interval_s", number(&Config::scrubIntervalS)},
      {"events_keep", number(&Config::eventsKeep)},
      {"app_log_max_bytes", number(&Config::appLogMaxBytes)},
      {"app_log_max_days", number(&Config::appLogMaxDays)},
      {"app_log_rate_bytes", number(&Config::appLogRateBytes)},
      {"app_log_burst_bytes", number(&Config::appLogBurstBytes)},
      {"upload_idle_s", number(&Config::uploadIdleS)},
      {"upload_max_sessions", number(&Config::uploadMaxSessions)},
      {"upload_max_sessions_per_user", number(&Config::uploadMaxSessionsPerUser)},
      {"blob_max_bytes", number(&Config::blobMaxBytes)},
      {"manifest_max_bytes", number(&Config::manifestMaxBytes)},
      {"publish_to", checkedText([](const std::string& to) { controller::ImagePublisher::checkTarget(to); },
                                 &Config::publishTo)},
      {"publish_give_up_s", number(&Config::publishGiveUpS)},
      {"insecure_registries", checkedText(checkHosts, &Config::insecureRegistries)},
      {"manifest_missing_content", oneOf({"accept", "refuse"}, &Config::manifestMissingContent)},
      {"config_max_bytes", number(&Config::configMaxBytes)},
      {"domains_max", number(&Config::domainsMax)},
      {"drains_max", number(&Config::drainsMax)},
      {"drains_local_receivers", oneOf({"refused", "allowed"}, &Config::drainsLocalReceivers)},
      {"run_max_sessions", number(&Config::runMaxSessions)},
      {"run_timeout_s", number(&Config::runTimeoutS)},
      {"run_memory_max_bytes", number(&Config::runMemoryMaxBytes)},
      {"run_cpus_max", number(&Config::runCpusMax)},
      {"release_timeout_s", number(&Config::releaseTimeoutS)},
      {"cron_max", cronLimit(&store::CronLimits::maxEntries)},
      {"cron_min_interval_s", cronLimit(&store::CronLimits::minIntervalS)},
      {"cron_timeout_s", cronLimit(&store::CronLimits::timeoutS)},
      {"cron_history_max", numberAt([](auto& config) -> auto& { return config.cron.historyMax; })},
      {"cron_max_running", numberAt([](auto& config) -> auto& { return config.cron.maxRunning; })},
      {"registry_anonymous_pull", oneOf({"loopback", "none"}, &Config::registryAnonymousPull)},
  };
  return table;
}

void apply(Config& config, const std::string& key, const std::string& value, const std::string& where) {
  const auto found = settings().find(key);
  if (found == settings().end()) {
    std::vector<std::string> known;
    for (const auto& [name, setting] : settings())
      known.push_back(name);
    const std::string near = base::nearest(key, known);
    throw base::Error(
        base::Errc::invalidArgument,
        where + ": there is no setting \"" + base::printable(key) + "\"" +
            (near.empty() ? ": see fairlead serve --print-config" : ": did you mean " + near + "?"));
  }
  try {
    found->second.set(config, value);
  } catch (base::Error& error) {
    throw error.addContext(where + ": " + key);
  }
}

void applyFile(Config& config, const std::filesystem::path& file) {
  std::size_t line = 0;
  for (const std::string& raw : base::split(base::readFile(file, 1u << 20), '\n')) {
    ++line;
    const std::string_view text = base::trim(raw);
    if (text.empty() || text[0] == '#') continue;
    const std::string where = file.filename().string() + " line " + std::to_string(line);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos)
      throw base::Error(base::Errc::invalidArgument, where + ": expected key = value");
    apply(config, std::string(base::trim(text.substr(0, equals))),
          std::string(base::trim(text.substr(equals + 1))), where);
  }
}

std::filesystem::path defaultData() {
  if (const char* set = std::getenv("FAIRLEAD_DATA"); set != nullptr && *set != '\0') return set;
  if (::geteuid() == 0) return "/var/lib/fairlead";
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0')
    return std::filesystem::path(data) / "fairlead";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "/tmp" : home) / ".local/share/fairlead";
}

/// What of a listener containers can reach; empty when it is for this host only, or its port is not known
/// yet.
std::string doorOf(const std::string& listen) {
  const auto colon = std::min(listen.rfind(':'), listen.size());
  std::string host = listen.substr(0, colon);
  const std::string port = listen.substr(std::min(colon + 1, listen.size()));
  if (listen.empty()) return "";
  if (host.empty() || host == "0.0.0.0" || host == "[::]") host = "*";
  in_addr address{};
  const bool v4 = host == "*" || ::inet_pton(AF_INET, host.c_str(), &address) == 1;
  constexpr std::uint32_t kLoopback = 127;
  if (!v4 || port.empty() || port == "0" || ntohl(address.s_addr) >> 24 == kLoopback) return "";
  return host + ":" + port;
}

}  // namespace

Config parseConfig(const std::vector<std::string>& args) {
  Config config;
  config.data = defaultData();
  std::vector<std::pair<std::string, std::string>> flags;
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::string name = args[i];
    if (name == "--print-config") {
      config.printConfig = true;
      continue;
    }
    if (name.rfind("--", 0) != 0)
      throw base::Error(
          base::Errc::invalidArgument,
          "\"" + base::printable(name) + "\" is no option of serve: see fairlead serve --print-config");
    std::string value;
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (++i < args.size()) {
      value = args[i];
    } else {
      throw base::Error(base::Errc::invalidArgument, name + " needs a value");
    }
    name = name.substr(2);
    for (char& c : name)
      c = c == '-' ? '_' : c;
    if (name == "config")
      applyFile(config, value);
    else
      flags.emplace_back(name, value);
  }
  for (const auto& [name, value] : flags)
    apply(config, name, value, "--" + name);
  config.data = std::filesystem::absolute(config.data);
  return config;
}

std::string containerDoors(const Config& config) {
  std::string doors = config.hostServices;
  for (const std::string& listen : {config.routerListen, config.routerHttpsListen}) {
    const std::string door = doorOf(listen);
    if (!door.empty()) doors += (doors.empty() ? "" : ", ") + door;
  }
  return doors;
}

std::string describeConfig(const Config& config) {
  std::string all;
  for (const auto& [name, setting] : settings())
    all += name + " = " + setting.show(config) + "\n";
  return all;
}

controller::AppLimits appLimits(const Config& config) {
  return {{{"build_cpus", config.buildCpuMillis},
           {"build_disk_bytes", config.buildDiskBytes},
           {"build_idle_timeout_s", config.buildIdleTimeoutS},
           {"build_log_max_bytes", config.buildLogMaxBytes},
           {"build_memory_bytes", config.buildMemoryBytes},
           {"build_pids", config.buildPids},
           {"build_timeout_s", config.buildTimeoutS},
           {"process_cpus", config.processCpuMillis},
           {"process_disk_bytes", config.processDiskBytes},
           {"process_memory_bytes", config.processMemoryBytes},
           {"process_pids", config.processPids},
           {"slug_max_bytes", config.slugMaxBytes},
           {"slug_max_expanded_bytes", config.slugMaxExpandedBytes},
           {"slug_max_files", config.slugMaxFiles}},
          config.appLimitsMax,
          config.cron.limits};
}

}  // namespace server
