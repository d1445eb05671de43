// Settings: a file of `key = value` lines, then flags over it, read once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/app_limits.h"
#include "controller/cron_config.h"
#include "gitd/ssh_server.h"

namespace server {

/// Every setting with its default. Units stand in the names. Immutable after parsing.
struct Config {
  std::filesystem::path data;
  std::string sshListen = "127.0.0.1:2222";
  std::string httpListen = "127.0.0.1:5000";
  std::string routerListen = "127.0.0.1:8080";
  std::string httpsListen;        ///< empty: none
  std::string routerHttpsListen;  ///< empty: none
  std::filesystem::path routerCertificate;
  std::filesystem::path routerKey;
  std::string routerUser = "caddy";
  std::string daemonUser = "fairlead";
  std::string routerRedirect = "on";  ///< or "off"
  std::string acmeDirectory = "https://acme-v02.api.letsencrypt.org/directory";
  std::string acmeEmail;
  std::filesystem::path acmeCa;
  std::filesystem::path tlsCertificate;
  std::filesystem::path tlsKey;
  std::string rendezvousListen;  ///< empty: none
  std::uint64_t rendezvousMaxWaiting = 64;
  std::uint64_t rendezvousSecretS = 60;
  std::uint64_t rendezvousGreetingS = 10;
  std::string domain = "localhost";
  std::string publicUrl;  ///< of http_listen as the outside world has it; empty: http://, domain and port
  std::filesystem::path adminKey;
  std::string logLevel = "info";
  std::string defaultStack = "debian-12";
  std::string containerRuntime = "auto";
  std::string buildpackSource = "bundled";  ///< or "heroku"
  std::string subnetPool = "10.210.0.0/16";
  std::string nameServers;
  std::string hostServices;
  std::filesystem::path caBundle = "/etc/ssl/certs/ca-certificates.crt";
  std::uint64_t userNamespaceBase = 1879048192;
  std::string volumeFolders = "/srv,/mnt,/media";
  std::uint64_t supervisorMaxCalls = 512;
  std::uint64_t maxParallelBuilds = 0;  ///< 0: number of cores
  std::uint64_t buildQueueMax = 100;
  std::uint64_t buildTimeoutS = 900;
  std::uint64_t buildIdleTimeoutS = 600;  ///< 0: any
  std::uint64_t buildMemoryBytes = 4ull << 30;
  std::uint64_t buildPids = 4096;
  std::uint64_t buildCpuMillis = 0;  ///< 0: all
  std::uint64_t buildCpuWeight = 25;
  std::uint64_t buildDiskBytes = 16ull << 30;
  std::uint64_t buildLogMaxBytes = 300ull << 20;
  std::uint64_t slugMaxBytes = 1ull << 30;
  std::uint64_t slugMaxExpandedBytes = 4ull << 30;
  std::uint64_t slugMaxFiles = 500'000;
  std::string slugCompression = "gzip";  ///< or "zstd"
  controller::LimitValues appLimitsMax;  ///< what an app may raise its own limits to; else these defaults
  std::uint64_t slugWarnBytes = 300ull << 20;
  std::uint64_t exportMaxFiles = 200'000;
  std::uint64_t exportMaxBytes = 2ull << 30;
  std::uint64_t exportMaxDepth = 128;
  std::uint64_t sourceMaxBytes = 1ull << 30;
  std::uint64_t slugUploadsMax = 100;
  std::uint64_t apiRequestsPerHour = 4500;  ///< of one token; 0: no limit
  std::uint64_t urlLifetimeS = 3600;
  std::uint64_t packMaxBytes = 2ull << 30;
  std::uint64_t packMaxObjects = 5'000'000;
  std::uint64_t objectMaxBytes = 512ull << 20;
  std::uint64_t packJoinCount = 8;  ///< 0: never
  std::uint64_t packMemoryBytes = 256ull << 20;
  gitd::PushLimits push;
  std::uint64_t sshMaxConnections = 256;
  std::uint64_t sshMaxUnauthenticated = 64;
  std::uint64_t sshMaxUnauthenticatedPerSource = 16;
  std::uint64_t sshMaxPerSource = 100;
  std::uint64_t sshMaxWaiting = 1024;
  std::uint64_t sshMaxWaitS = 60;
  std::uint64_t sshMaxChannels = 10;
  std::uint64_t sshLoginGraceS = 30;
  std::uint64_t sshIdleTimeoutS = 600;
  std::uint64_t sshKeepaliveS = 15;
  std::uint64_t sshDrainS = 60;
  std::string sshShellUser;
  std::uint64_t portTimeoutS = 60;
  std::uint64_t stopGraceS = 30;
  std::uint64_t drainMaxS = 30;
  std::uint64_t processMemoryBytes = 512ull << 20;
  std::uint64_t processPids = 1024;
  std::uint64_t processCpuMillis = 0;  ///< 0: all
  std::uint64_t processDiskBytes = 2ull << 30;
  std::uint64_t gcKeepReleases = 20;
  std::uint64_t gcKeepDays = 30;
  std::uint64_t gcGraceS = 3600;
  std::uint64_t gcLeaseS = 900;
  std::uint64_t gcIntervalS = 3600;  ///< 0: only by command
  std::uint64_t scrubBytesPerS = 20ull << 20;
  std::uint64_t scrubIntervalS = 30ull * 24 * 3600;  ///< 0: only by command
  std::uint64_t eventsKeep = 100'000;
  std::uint64_t appLogMaxBytes = 64ull << 20;
  std::uint64_t appLogMaxDays = 30;
  std::uint64_t appLogRateBytes = 1ull << 20;
  std::uint64_t appLogBurstBytes = 16ull << 20;
  std::uint64_t uploadIdleS = 24ull * 3600;
  std::uint64_t uploadMaxSessions = 1000;
  std::uint64_t uploadMaxSessionsPerUser = 200;
  std::uint64_t blobMaxBytes = 64ull << 30;
  std::uint64_t manifestMaxBytes = 4ull << 20;
  std::string manifestMissingContent = "accept";   ///< or "refuse"
  std::string registryAnonymousPull = "loopback";  ///< or "none"
  std::string publishTo;
  std::uint64_t publishGiveUpS = 24ull * 3600;
  std::string insecureRegistries;
  std::uint64_t configMaxBytes = 64u << 10;
  std::uint64_t domainsMax = 100;
  std::uint64_t drainsMax = 10;
  std::uint64_t runMaxSessions = 20;
  std::uint64_t runTimeoutS = 24ull * 3600;
  std::uint64_t runMemoryMaxBytes = 4ull << 30;
  std::uint64_t runCpusMax = 0;
  std::uint64_t releaseTimeoutS = 3600;
  controller::CronConfig cron;
  std::string drainsLocalReceivers = "refused";
  bool printConfig = false;
};

/// From the words after `serve`. Throws invalidArgument: unknown key or flag with the nearest one, a value of
/// the wrong kind with its line.
Config parseConfig(const std::vector<std::string>& args);
/// What containers reach on this host: host_services, and the router's ports where it listens for more than
/// this host, so that apps reach one another by the names that everybody uses. A router_listen of port 0 adds
/// none.
std::string containerDoors(const Config& config);
/// `key = value` lines with the effective values (--print-config).
std::string describeConfig(const Config& config);
/// What apps may take, and may raise it to.
controller::AppLimits appLimits(const Config& config);

}  // namespace server
