#include "tests/unit/gitd/server_fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <thread>

#include "base/error.h"

namespace gitd::testing {

namespace fs = std::filesystem;

std::optional<Identity> ScriptedPushHandler::findIdentity(const std::string& fingerprint) {
  if (storeFails) throw base::Error(base::Errc::io, "database: disk I/O error");
  const auto user = users.find(fingerprint);
  if (user == users.end()) return std::nullopt;
  return Identity{user->second, fingerprint};
}

std::optional<RepositoryAccess> ScriptedPushHandler::openRepository(const Identity&,
                                                                    const std::string& name) {
  const fs::path path = repositories / (name + ".git");
  if (!fs::exists(path)) return std::nullopt;
  return RepositoryAccess{name, path};
}

std::optional<std::string> ScriptedPushHandler::refuseUpdate(const Identity&, const RepositoryAccess&,
                                                             const RefUpdate& update) {
  return onUpdate ? onUpdate(update) : std::nullopt;
}

std::optional<std::string> ScriptedPushHandler::refuseOptions(const std::vector<std::string>& options) {
  return onOptions ? onOptions(options) : std::nullopt;
}

PushOutcome ScriptedPushHandler::push(const PushRequest& request, base::ByteSink& output,
                                      std::stop_token clientGone) {
  ++pushes;
  if (onPush) return onPush(request, output, std::move(clientGone));
  output.write("-----> built " + request.update.newId.substr(0, 7) + "\n");
  return accept(request);
}

int ScriptedPushHandler::runCommand(const Identity& identity, const std::vector<std::string>& argv,
                                    CommandStreams& streams, std::stop_token clientGone) {
  if (onCommand) return onCommand(argv, streams, std::move(clientGone));
  streams.out().write("hello " + identity.user + "\n");
  return 0;
}

PushOutcome ScriptedPushHandler::accept(const PushRequest& request) {
  request.quarantine->accept();
  std::optional<std::string> oldId;
  if (!request.update.isCreate()) oldId = request.update.oldId;
  try {
    updateRef(request.repository.path, request.update.ref, oldId, request.update.newId);
  } catch (const base::Error& error) {
    return {false, error.what()};
  }
  return {true, ""};
}

ServerTest::ServerTest() {
  handler_.repositories = folder_ / "repos";
  fs::create_directories(folder_ / "repos");
  fs::create_directories(folder_ / "home");
  config_.hostKeyFile = folder_ / "keys/host_ed25519";
  config_.push.diskFreeBytes = 0;
  folder_.write("home/.gitconfig",
                "[user]\n\tname = A Pusher\n\temail = a@example.org\n[init]\n\tdefaultBranch = "
                "main\n[core]\n\tfsync = none\n[gc]\n\tauto = 0\n[advice]\n\tpushUpdateRejected = false\n");
  handler_.users[parsePublicKey(folder_.read("keys/" + key("alice") + ".pub")).fingerprint] = "alice";
}

ServerTest::~ServerTest() = default;

void ServerTest::start(const std::function<void(SshServerConfig&)>& adjust) {
  if (adjust) adjust(config_);
  server_ =
      std::make_unique<SshServer>(config_, base::listenTcp("127.0.0.1:0", "ssh_listen"), handler_, metrics_);
}

std::string ServerTest::key(const std::string& name) {
  if (!fs::exists(folder_ / ("keys/" + name))) {
    fs::create_directories(folder_ / "keys");
    base::mustRun(
        {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder_ / ("keys/" + name)});
  }
  return name;
}

fs::path ServerTest::makeRepository(const std::string& name) {
  const fs::path path = folder_ / ("repos/" + name + ".git");
  createRepository(path);
  return path;
}

fs::path ServerTest::makeWorkTree(const std::string& name, const std::string& app) {
  const fs::path path = folder_ / name;
  EXPECT_EQ(run({"git", "init", "-q", path}).status.code, 0);
  commitFile(path, "README", "hello\n");
  if (server_) git(path, {"remote", "add", "fairlead", url(app)});
  return path;
}

void ServerTest::commitFile(const fs::path& workTree, const std::string& name, const std::string& text) {
  fs::create_directories((workTree / name).parent_path());
  std::ofstream(workTree / name, std::ios::binary) << text;
  EXPECT_TRUE(git(workTree, {"add", "-A"}).status.ok());
  EXPECT_TRUE(git(workTree, {"commit", "-q", "-m", "Change " + name}).status.ok());
}

std::string ServerTest::port() const {
  const std::string address = server_->address();
  return address.substr(address.rfind(':') + 1);
}

std::string ServerTest::url(const std::string& app) const {
  return "ssh://git@127.0.0.1:" + port() + "/" + app + ".git";
}

std::vector<std::string> ServerTest::sshCommand(const std::string& keyName) const {
  return {"ssh",
          "-F",
          "/dev/null",
          "-i",
          folder_ / ("keys/" + keyName),
          "-o",
          "IdentitiesOnly=yes",
          "-o",
          "StrictHostKeyChecking=no",
          "-o",
          "UserKnownHostsFile=/dev/null",
          "-o",
          "LogLevel=INFO",
          "-o",
          "NumberOfPasswordPrompts=1"};
}

std::vector<std::string> ServerTest::environment(const std::string& keyName) const {
  std::string command;
  for (const std::string& word : sshCommand(keyName))
    command += word + " ";
  return {"PATH=" + std::string(std::getenv("PATH")),
          "HOME=" + (folder_ / "home").string(),
          "GIT_SSH_COMMAND=" + command,
          "GIT_CONFIG_NOSYSTEM=1",
          "GIT_TERMINAL_PROMPT=0",
          "LC_ALL=C"};
}

base::CommandOutput ServerTest::run(const std::vector<std::string>& argv, const fs::path& folder,
                                    const std::string& keyName) {
  base::CommandOptions options;
  options.environment = environment(keyName);
  options.workingDirectory = folder;
  return base::runCommand(argv, options);
}

base::CommandOutput ServerTest::git(const fs::path& workTree, std::vector<std::string> arguments,
                                    const std::string& keyName) {
  arguments.insert(arguments.begin(), "git");
  return run(arguments, workTree, keyName);
}

base::CommandOutput ServerTest::ssh(std::vector<std::string> arguments, const std::string& keyName) {
  auto argv = sshCommand(keyName);
  argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1"});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv, {}, keyName);
}

base::ChildProcess ServerTest::spawnGit(const fs::path& workTree, std::vector<std::string> arguments,
                                        const base::Fd& output) {
  base::ChildSpec spec;
  arguments.insert(arguments.begin(), "git");
  spec.argv = std::move(arguments);
  spec.environment = environment("alice");
  spec.workingDirectory = workTree;
  spec.fds = {{&output, 1}, {&output, 2}};
  return base::ChildProcess::spawn(spec);
}

std::string ServerTest::startMaster() {
  std::string control = (folder_ / "ctl").string();
  auto master = sshCommand("alice");
  master.insert(master.end(),
                {"-M", "-N", "-f", "-o", "ControlPath=" + control, "-p", port(), "git@127.0.0.1"});
  EXPECT_EQ(run(master).status.code, 0);
  return control;
}

base::Fd ServerTest::connectPlain() const {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port())));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return socket;
}

std::string ServerTest::readToEnd(const base::Fd& socket) {
  std::string all;
  char buffer[4096];
  ssize_t count;
  while ((count = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0)
    all.append(buffer, static_cast<std::size_t>(count));
  return all;
}

bool ServerTest::quarantineIsEmpty(const fs::path& repository) {
  const fs::path folder = repository / "quarantine";
  return !fs::exists(folder) || fs::is_empty(folder);
}

bool eventually(const std::function<bool()>& body, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!body()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace gitd::testing
