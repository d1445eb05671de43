#include "server/serve.h"

#include <poll.h>
#include <pwd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "api/rest_api.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/regular_file.h"
#include "base/self_signed.h"
#include "base/strings.h"
#include "base/tcp_listener.h"
#include "base/version.h"
#include "controller/app_hosts.h"
#include "controller/backup.h"
#include "controller/command_set.h"
#include "controller/config_secrets.h"
#include "controller/cron_scheduler.h"
#include "controller/deployer.h"
#include "controller/domain_operations.h"
#include "controller/http_api.h"
#include "controller/log_drains.h"
#include "controller/push_gateway.h"
#include "controller/recovery.h"
#include "controller/registry_access.h"
#include "controller/release_phase.h"
#include "controller/rendezvous.h"
#include "controller/restore.h"
#include "gitd/metered_handler.h"
#include "gitd/repository.h"
#include "gitd/shell_server.h"
#include "gitd/ssh_server.h"
#include "runner/local_engine.h"
#include "runner/local_one_offs.h"
#include "runner/log_collector.h"
#include "server/config.h"
#include "server/daemon_account.h"
#include "server/doctor.h"
#include "server/folder_lock.h"
#include "server/host_environment.h"
#include "server/host_table.h"
#include "server/rootless.h"
#include "server/supervised.h"
#include "store/event_store.h"

namespace server {
namespace {

constexpr std::uint64_t kEndGraceS = 5;

/// Lines for whoever watches the daemon's standard output; a closed one is not an error.
class Console : public base::ByteSink {
 public:
  void write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    std::cout << bytes << std::flush;
    std::cout.clear();
  }

 private:
  std::mutex mutex_;
};

/// SIGTERM, SIGINT and server:stop end the wait; the rest of the program never sees these signals.
class Shutdown {
 public:
  Shutdown() : asked_(base::makeEventFd()) {
    sigset_t set;
    sigemptyset(&set);
    for (const int each : {SIGTERM, SIGINT, SIGHUP})
      sigaddset(&set, each);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!signals_.valid()) base::throwErrno(errno, "setting up signals");
  }

  void ask(bool stopProcesses) {
    stopProcesses_ = stopProcesses;
    base::signalEvent(asked_);
  }

  /// Returns whether processes and router shall end too.
  bool wait() {
    while (true) {
      pollfd fds[2] = {{signals_.get(), POLLIN, 0}, {asked_.get(), POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents != 0) return stopProcesses_;
      signalfd_siginfo info{};
      if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
      if (info.ssi_signo == SIGTERM) return false;
      if (info.ssi_signo == SIGINT) return true;
      base::Log("server").info("SIGHUP: settings are read at start only; restart to change them");
    }
  }

 private:
  base::Fd asked_;
  base::Fd signals_;
  std::atomic<bool> stopProcesses_ = false;
};

base::Fd takeFolder(const controller::DataFolder& folder, const Config& config,
                    const base::Confinement& account) {
  base::Fd lock = lockDataFolder(folder);
  giveDataFolder(config, folder, account);
  return lock;
}

/// As the account that they are to be of.
void makeFolders(const controller::DataFolder& folder) {
  for (const auto& each : {folder.repositories(), folder.blobs(), folder.layers(), folder.caches(),
                           folder.buildpacks(), folder.keys(), folder.appLogs(), folder.builds(),
                           folder.oneOffs(), folder.processes(), folder.router()})
    std::filesystem::create_directories(each);
  ::chmod(folder.keys().c_str(), 0700);
}

std::filesystem::path existing(const std::filesystem::path& file) {
  std::error_code missing;
  return std::filesystem::is_regular_file(file, missing) ? file : std::filesystem::path();
}

builder::BuilderConfig builderConfig(const Config& config, const controller::DataFolder& folder) {
  return {.workFolder = folder.builds(),
          .buildpackFolder = folder.buildpacks(),
          .buildpackOrigin = config.buildpackSource == "heroku" ? builder::BuildpackOrigin::heroku
                                                                : builder::BuildpackOrigin::bundled,
          .cpuWeight = static_cast<unsigned>(std::clamp<std::uint64_t>(config.buildCpuWeight, 1, 10'000)),
          .diskMinFreeBytes = config.push.diskFreeBytes,
          .slugWarnBytes = config.slugWarnBytes,
          .slugCompression =
              config.slugCompression == "zstd" ? store::Compression::zstd : store::Compression::gzip,
          .hostEnvironment = hostEnvironment(),
          .caBundle = existing(config.caBundle)};
}

std::string machineName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

runner::LocalEngineConfig engineConfig(const Config& config, const controller::DataFolder& folder,
                                       std::map<store::AppName, runner::AppRoutes> routes) {
  runner::LocalEngineConfig engine;
  engine.routes = std::move(routes);
  engine.domain = config.domain;
  engine.stateFolder = folder.processes();
  engine.portTimeout = std::chrono::seconds(config.portTimeoutS);
  engine.stopGrace = std::chrono::seconds(config.stopGraceS);
  // Nobody waits for longer, and added to a time it does not overflow.
  engine.drainMax = std::chrono::seconds(std::min<std::uint64_t>(config.drainMaxS, 365ull * 24 * 3600));
  engine.size = appLimits(config).sizeOf({}, "");
  engine.node = machineName();
  engine.caBundle = existing(config.caBundle);
  return engine;
}

controller::LocalReceivers localReceivers(const Config& config) {
  return config.drainsLocalReceivers == "allowed" ? controller::LocalReceivers::allowed
                                                  : controller::LocalReceivers::refused;
}

controller::ServiceLimits serviceLimits(const Config& config) {
  return {.configMaxBytes = config.configMaxBytes,
          .domainsMax = config.domainsMax,
          .drainsMax = config.drainsMax,
          .runMaxSessions = config.runMaxSessions,
          .runTimeoutS = config.runTimeoutS,
          .runMemoryMaxBytes = config.runMemoryMaxBytes,
          .runCpusMax = config.runCpusMax,
          .volumeFolders = volumeFolders(config)};
}

controller::DeployerConfig deployerConfig(const Config& config) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  controller::DeployerConfig deployer;
  deployer.queue = {
      .workers = config.maxParallelBuilds == 0 ? cores : static_cast<unsigned>(config.maxParallelBuilds),
      .maxWaiting = config.buildQueueMax};
  deployer.source = {.maxFiles = config.exportMaxFiles,
                     .maxBytes = config.exportMaxBytes,
                     .maxDepth = config.exportMaxDepth,
                     .maxTarballBytes = config.sourceMaxBytes};
  return deployer;
}

gitd::SshServerConfig sshConfig(const Config& config, const controller::DataFolder& folder) {
  gitd::SshServerConfig ssh;
  ssh.hostKeyFile = folder.keys() / "ssh_host_ed25519_key";
  ssh.rsaHostKeyFile = folder.keys() / "ssh_host_rsa_key";
  ssh.maxUnauthenticatedPerSource = static_cast<unsigned>(config.sshMaxUnauthenticatedPerSource);
  ssh.maxPerSource = static_cast<unsigned>(config.sshMaxPerSource);
  ssh.maxWaiting = static_cast<unsigned>(config.sshMaxWaiting);
  ssh.maxWait = std::chrono::seconds(config.sshMaxWaitS);
  ssh.maxChannels = static_cast<unsigned>(config.sshMaxChannels);
  ssh.keepalive = std::chrono::seconds(std::max<std::uint64_t>(1, config.sshKeepaliveS));
  ssh.maxConnections = static_cast<unsigned>(config.sshMaxConnections);
  ssh.maxUnauthenticated = static_cast<unsigned>(config.sshMaxUnauthenticated);
  ssh.loginGrace = std::chrono::seconds(config.sshLoginGraceS);
  ssh.idleTimeout = std::chrono::seconds(config.sshIdleTimeoutS);
  ssh.packMaxBytes = config.packMaxBytes;
  ssh.objectMaxBytes = config.objectMaxBytes;
  ssh.packMaxObjects = config.packMaxObjects;
  ssh.push = config.push;
  ssh.packMemory = std::make_shared<git::MemoryBudget>(config.packMemoryBytes);
  return ssh;
}

gitd::ShellServerConfig shellConfig(const Config& config, const controller::DataFolder& folder) {
  gitd::ShellServerConfig shell{.socketFile = folder.gitSocket(), .user = std::nullopt};
  if (config.sshShellUser.empty()) return shell;
  const passwd* user = ::getpwnam(config.sshShellUser.c_str());
  if (user == nullptr)
    throw base::Error(
        base::Errc::invalidArgument,
        "there is no user \"" + base::printable(config.sshShellUser) + "\": correct ssh_shell_user");
  shell.user = user->pw_uid;
  return shell;
}

/// The text of the file that admin_key names, which may be root's.
std::string adminKey(const Config& config) {
  return config.adminKey.empty() ? std::string() : base::readFile(config.adminKey, 64u << 10);
}

void addAdminKey(const std::string& text, store::ReleaseStore& store, const base::Clock& clock) {
  if (text.empty()) return;
  const gitd::PublicKey key = gitd::parsePublicKey(text);
  if (store.findKey(key.fingerprint)) return;
  store.addKey({.fingerprint = key.fingerprint,
                .publicKey = key.canonical,
                .comment = key.comment,
                .user = "admin",
                .createdAt = clock.now()});
}

void writeReady(const controller::DataFolder& folder, const controller::Endpoints& endpoints) {
  auto json = base::makeJsonObject();
  json->set("pid", static_cast<std::int64_t>(::getpid()));
  json->set("ssh", endpoints.ssh);
  json->set("http", endpoints.http);
  json->set("router", endpoints.router);
  if (!endpoints.https.empty()) json->set("https", endpoints.https);
  if (!endpoints.routerHttps.empty()) json->set("router_https", endpoints.routerHttps);
  if (!endpoints.rendezvous.empty()) json->set("rendezvous", endpoints.rendezvous);
  json->set("version", std::string(base::kVersion));
  base::writeFileAtomically(folder.readyFile(), base::toJson(json) + "\n");
}

store::UploadLimits uploadLimits(const Config& config) {
  return {.idle = std::chrono::seconds(config.uploadIdleS),
          .maxBytes = config.blobMaxBytes,
          .maxSessions = static_cast<std::size_t>(config.uploadMaxSessions),
          .maxSessionsPerUser = static_cast<std::size_t>(config.uploadMaxSessionsPerUser),
          .minFreeBytes = config.push.diskFreeBytes};
}

registry::RegistryOptions registryOptions(const Config& config) {
  return {.manifestMaxBytes = static_cast<std::size_t>(config.manifestMaxBytes),
          .missingContent = config.manifestMissingContent == "refuse" ? store::MissingContent::refused
                                                                      : store::MissingContent::accepted,
          .publicUrl = config.publicUrl,

          .minFreeBytes = config.push.diskFreeBytes};
}

controller::AnonymousPull anonymousPull(const Config& config) {
  return config.registryAnonymousPull == "none" ? controller::AnonymousPull::none
                                                : controller::AnonymousPull::loopback;
}

controller::CollectionConfig collectionConfig(const Config& config) {
  constexpr std::uint64_t kMaxDays = 365'000;
  return {.retention = {.releases = static_cast<std::size_t>(config.gcKeepReleases),
                        .age = std::chrono::days(std::min<std::uint64_t>(config.gcKeepDays, kMaxDays)),
                        .grace = std::chrono::seconds(config.gcGraceS),
                        .lease = std::chrono::seconds(config.gcLeaseS)},
          .interval = std::chrono::seconds(config.gcIntervalS)};
}

registry::WebOptions webOptions(const Config& config) {
  const auto variable = [](std::initializer_list<const char*> names) -> std::string {
    for (const char* name : names)
      if (const char* value = std::getenv(name); value && *value) return value;
    return "";
  };
  registry::WebOptions web{.caBundle = existing(config.caBundle)};
  for (const std::string& host : base::split(config.insecureRegistries, ',')) {
    if (const std::string_view name = base::trim(host); !name.empty()) web.insecureHosts.emplace(name);
  }
  web.httpsProxy = variable({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  web.httpProxy = variable({"http_proxy", "all_proxy", "ALL_PROXY"});
  web.noProxy = variable({"no_proxy", "NO_PROXY"});
  return web;
}

/// Null unless it is asked for. With the certificate of the other listeners, or one of its own.
std::unique_ptr<controller::Rendezvous> makeRendezvous(const Config& config,
                                                       const controller::DataFolder& folder,
                                                       const controller::PublicUrls& urls,
                                                       sandbox::HostPrograms& programs,
                                                       const base::Clock& clock) {
  if (config.rendezvousListen.empty()) return nullptr;
  constexpr std::size_t kMaxPem = 1u << 20;
  base::SelfSigned files{config.tlsCertificate, config.tlsKey};
  const bool isOurs = files.certificate.empty() && files.key.empty();
  if (isOurs) files = base::keepSelfSigned(folder.keys(), "rendezvous", urls.host());
  const auto read = [&programs, isOurs](const std::filesystem::path& file) {
    if (isOurs) return base::readFile(file, kMaxPem);
    return base::readRegular(programs.openFile(file), file.filename().string(), kMaxPem);
  };
  try {
    return std::make_unique<controller::Rendezvous>(
        controller::RendezvousConfig{.certificate = files.certificate,
                                     .key = files.key,
                                     .read = read,
                                     .maxWaiting = static_cast<std::size_t>(config.rendezvousMaxWaiting),
                                     .secretLifetime = std::chrono::seconds(config.rendezvousSecretS),
                                     .greeting = std::chrono::seconds(config.rendezvousGreetingS)},
        base::listenTcp(config.rendezvousListen, "rendezvous_listen"), clock);
  } catch (base::Error& error) {
    throw error.addContext("rendezvous_listen, with tls_certificate and tls_key");
  }
}

/// Before what its sessions use goes.
struct RendezvousEnd {
  controller::Rendezvous* rendezvous;
  ~RendezvousEnd() {
    if (rendezvous != nullptr) rendezvous->stop();
  }
};

/// The daemon's objects in the order of their construction; destroyed in reverse.
int run(const Config& config) {
  base::keepHeapSmall();
  Shutdown shutdown;
  const controller::DataFolder folder(config.data);
  const base::Confinement account = daemonAccount(config);
  const base::Fd lock = takeFolder(folder, config, account);
  const std::string firstKey = adminKey(config);
  std::filesystem::remove(folder.readyFile());
  // Before anything is started: a port that is taken ends the daemon with nothing to clean up.
  base::TcpListener sshListener = base::listenTcp(config.sshListen, "ssh_listen");
  base::TcpListener httpListener = base::listenTcp(config.httpListen, "http_listen");
  // Before there are threads, or anything is read that strangers send.
  const auto runtime = startRuntime(config, folder, account);
  requireReachable(folder, config.daemonUser);
  makeFolders(folder);
  sandbox::ForeignTrees& trees = runtime->trees();
  sandbox::HostPrograms& programs = runtime->programs();
  Console console;
  const base::SystemClock clock;
  store::ReleaseStore store(folder.database(), clock);
  store::EventStore(store).keep(static_cast<std::size_t>(config.eventsKeep));
  store::AccountStore accounts(store);
  const controller::Access access(store, accounts);
  const controller::Accounts keysAndTokens(store, accounts, access, clock);
  base::Metrics metrics;
  store::DiskBlobStore blobs(folder.blobs());
  blobs.countIn(metrics);
  addAdminKey(firstKey, store, clock);
  sandbox::LayerStore layers(folder.layers(), trees);
  const auto router = runner::makeCaddyRouter(routerConfig(config, folder, httpListener.address), programs);
  runner::AppLog appLog(folder.appLogs(), clock,
                        {.maxBytes = config.appLogMaxBytes, .maxDays = config.appLogMaxDays});
  appLog.claimBy([&trees](const auto& file) { trees.takeBack(file, sandbox::ForeignTrees::Depth::itself); });
  appLog.hide([&store](const store::AppName& name) -> std::shared_ptr<const base::Secrets> {
    const auto app = store.findApp(name);
    return app ? controller::secretsOf(store, app->id) : nullptr;
  });
  const runner::LayerFolder layerFolder = [&](const store::Layer& layer) {
    return layers.ensure(layer.blob.digest, [&] { return blobs.open(layer.blob.digest); });
  };
  const auto engine = runner::makeLocalEngine(engineConfig(config, folder, controller::storedRoutes(store)),
                                              *runtime, *router, appLog, layerFolder, clock);

  controller::CronBook cronBook(store, static_cast<std::size_t>(config.cron.historyMax));
  const auto oneOffs = runner::makeLocalOneOffs(
      {.maxSessions = config.runMaxSessions,
       .folder = folder.oneOffs(),
       .ended = [&cronBook](const auto& app, const auto& end) { cronBook.ended(app, end); }},
      engineConfig(config, folder, {}), *runtime, trees, appLog, layerFolder, clock);

  controller::PublicUrls urls(config.domain, config.publicUrl);
  controller::AppLocks locks;
  controller::StackService stacks(store, blobs, programs, clock);
  const controller::AppLimits limits = appLimits(config);
  controller::Releases releases(store, blobs, *engine, appLog, limits, folder, clock);
  controller::ReleasePhase releasePhase(
      {.maxOutputBytes = config.buildLogMaxBytes, .timeout = std::chrono::seconds(config.releaseTimeoutS)},
      folder, store, *oneOffs);
  releases.beforeLaunch([&releasePhase](const auto& app, const auto& deployment, const auto& progress) {
    return releasePhase.run(app, deployment, progress);
  });
  const controller::RecoveryParts recovery{folder, store, releases, *engine, *runtime, locks, appLog, trees};
  controller::recoverBuilds(recovery);
  // After what moves logs, before what follows them.
  const runner::LogCollector collector({.rateBytes = config.appLogRateBytes,
                                        .burstBytes = config.appLogBurstBytes,
                                        .routerFolder = folder.router(),
                                        .appOf = controller::AppHosts(store, config.domain)},
                                       appLog, *runtime);
  builder::Builder builder(builderConfig(config, folder), *runtime, trees, blobs, store);
  controller::Deployer deployer(deployerConfig(config), {folder, urls, store, blobs, layers, builder, stacks,
                                                         releases, locks, limits, clock});
  const controller::UrlSigner signer(folder.urlKey(), std::chrono::seconds(config.urlLifetimeS), clock);
  controller::SourceStore sources(
      folder.sources(), {.maxBytes = config.sourceMaxBytes, .minFreeBytes = config.push.diskFreeBytes},
      signer, clock);
  controller::SlugUploads slugUploads({.maxPending = config.slugUploadsMax,
                                       .maxDepth = config.exportMaxDepth,
                                       .minFreeBytes = config.push.diskFreeBytes},
                                      {folder, store, builder, limits, signer, clock});
  const controller::BuildView buildView(store, signer, urls);
  controller::Collection collection(collectionConfig(config), store, blobs, layers);
  controller::Scrubbing scrubbing({.bytesPerS = config.scrubBytesPerS,
                                   .interval = std::chrono::seconds(config.scrubIntervalS),
                                   .stateFile = folder.scrubState()},
                                  store, blobs, clock);
  store::PublicationStore publications(store);
  registry::RegistryCredentials credentials(folder.registryLogins());
  const registry::WebOptions web = webOptions(config);
  controller::ImagePublisher publisher(
      {.publishTo = config.publishTo, .web = web, .giveUp = std::chrono::seconds(config.publishGiveUpS)},
      {store, publications, blobs, credentials, appLog, clock});
  controller::CronScheduler cron(config.cron, {cronBook, store, releases, *oneOffs, appLog, clock});
  releases.onServing([&publisher, &cronBook](const store::App& app, const store::Release& release) {
    publisher.released(app, release);
    cronBook.changed();
  });
  publisher.requestMissing();
  controller::LogDrains drains({}, store, appLog, [&](const store::Drain& drain) {
    return controller::makeDrainConnection(controller::DrainTarget::parse(drain.url), drain.token,
                                           {.web = web, .local = localReceivers(config)});
  });
  controller::Backups backups({folder, store, blobs, collection, clock});
  const controller::Doctor doctor(doctorSettings(config), clock);
  const auto rendezvous = makeRendezvous(config, folder, urls, programs, clock);
  const controller::CommandParts control{folder,
                                         urls,
                                         store,
                                         accounts,
                                         access,
                                         keysAndTokens,
                                         deployer,
                                         releases,
                                         stacks,
                                         *engine,
                                         appLog,
                                         *runtime,
                                         trees,
                                         locks,
                                         collection,
                                         scrubbing,
                                         publisher,
                                         publications,
                                         credentials,
                                         web,
                                         limits,
                                         sources,
                                         buildView,
                                         clock,
                                         [&shutdown](bool stopProcesses) { shutdown.ask(stopProcesses); },
                                         serviceLimits(config),
                                         oneOffs.get(),
                                         &drains,
                                         &releasePhase,
                                         &backups,
                                         &doctor,
                                         rendezvous.get(),
                                         &cron};
  const RendezvousEnd rendezvousEnd{rendezvous.get()};
  controller::CommandSet commands(control);
  controller::RepositoryKeeper keeper({.packsPerClass = static_cast<std::size_t>(config.packJoinCount)});
  for (const store::App& app : store.apps())
    keeper.look(folder.repository(app.name));
  controller::PushGateway gateway({folder, store, access, deployer, commands, keeper});
  gitd::MeteredHandler metered(gateway, metrics);
  store::RegistryStore registryRows(store);
  store::UploadStore uploads(registryRows, blobs, folder.uploads(), clock);
  uploads.setLimits(uploadLimits(config));
  const controller::TokenBook tokens(store, clock);
  const controller::Bearers bearers(folder.bearerKey(), clock);
  const controller::RegistryAccess registryAccess(
      {store, access, tokens, bearers, clock, anonymousPull(config)});
  registry::RegistryApi registry(
      {store, registryRows, blobs, uploads, metrics},
      [&registryAccess](const auto& question) { return registryAccess.judge(question); },
      registryOptions(config));
  const registry::TokenApi tokenApi(
      [&registryAccess](const auto& question) { return registryAccess.issue(question); });
  api::RestApi rest({.requestsPerHour = config.apiRequestsPerHour},
                    {control, signer, blobs, sources, slugUploads});
  controller::HttpApi api({rest, commands, metrics, registry, tokenApi, tokens, store, access, backups});

  const auto socket =
      base::HttpServer::onUnix(folder.socket(), api.router(controller::HttpApi::Door::unixSocket));
  const auto http =
      base::HttpServer::onTcp(std::move(httpListener), api.router(controller::HttpApi::Door::tcp));
  gitd::SshServer ssh(sshConfig(config, folder), std::move(sshListener), metered, metrics);
  for (const std::string& fingerprint : ssh.hostKeyFingerprints())
    base::Log("server").info("ssh host key", {{"fingerprint", fingerprint}});
  gitd::ShellServer shell(shellConfig(config, folder), sshConfig(config, folder), metered, metrics);
  const controller::Endpoints endpoints{ssh.address(),
                                        http->address(),
                                        router->address(),
                                        router->tlsAddress(),
                                        rendezvous ? rendezvous->address() : "",
                                        router->httpsAddress()};
  urls.setEndpoints(endpoints);
  std::jthread starter([&recovery](std::stop_token stop) { controller::recoverApps(recovery, stop); });
  stacks.createMissing(config.defaultStack, console);
  cron.start();
  writeReady(folder, endpoints);
  console.write("ready ssh=" + endpoints.ssh + " http=" + endpoints.http + " router=" + endpoints.router +
                "\n");

  const bool stopProcesses = shutdown.wait();
  base::Log("server").info("shutting down", {{"processes", stopProcesses ? "stopped too" : "left running"}});
  std::filesystem::remove(folder.readyFile());
  cron.stop();
  oneOffs->stopAttached();
  if (rendezvous) rendezvous->stop();
  // To be replaced: pushes under way finish first. To be gone: nothing is waited for.
  if (stopProcesses) deployer.stop();
  const auto grace = std::chrono::seconds(stopProcesses ? kEndGraceS : config.sshDrainS);
  const auto begin = std::chrono::steady_clock::now();
  ssh.stop(grace);
  const auto left = grace - (std::chrono::steady_clock::now() - begin);
  shell.stop(std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0)));
  deployer.stop();
  http->stop(std::chrono::seconds(5));
  socket->stop(std::chrono::seconds(5));
  stacks.stop();
  starter.request_stop();
  starter.join();
  if (stopProcesses) {
    oneOffs->stopAll();
    engine->stopAll();
  }
  return 0;
}

}  // namespace

int serve(const std::vector<std::string>& args) {
  Config config;
  try {
    config = parseConfig(args);
  } catch (const base::Error& error) {
    std::cerr << "fairlead: " << error.what() << '\n';
    return 2;
  }
  if (config.printConfig) {
    std::cout << describeConfig(config);
    return 0;
  }
  base::configureLogging(config.logLevel);
  if (::geteuid() != 0) serveRootless(config, args);
  adaptToRootless(config);
  return run(config);
}

}  // namespace server
