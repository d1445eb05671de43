// A real SSH server on a free port, a scripted layer above it, and the real git and ssh as clients.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "gitd/push_handler.h"
#include "gitd/repository.h"
#include "gitd/ssh_server.h"
#include "tests/support/temp_folder.h"

namespace gitd::testing {

/// Accepts what its functions say; without them every known key may push to every repository that exists.
/// Thread-safe.
class ScriptedPushHandler : public PushHandler {
 public:
  std::optional<Identity> findIdentity(const std::string& fingerprint) override;
  std::optional<RepositoryAccess> openRepository(const Identity& identity, const std::string& name) override;
  std::optional<std::string> refuseUpdate(const Identity& identity, const RepositoryAccess& repository,
                                          const RefUpdate& update) override;
  std::optional<std::string> refuseOptions(const std::vector<std::string>& options) override;
  PushOutcome push(const PushRequest& request, base::ByteSink& output, std::stop_token clientGone) override;
  int runCommand(const Identity& identity, const std::vector<std::string>& argv, CommandStreams& streams,
                 std::stop_token clientGone) override;

  /// What an accepted push does: objects in, ref moved.
  static PushOutcome accept(const PushRequest& request);

  std::filesystem::path repositories;
  std::map<std::string, std::string> users;  ///< fingerprint to name; set before the server starts
  std::function<std::optional<std::string>(const RefUpdate&)> onUpdate;
  std::function<std::optional<std::string>(const std::vector<std::string>&)> onOptions;
  std::function<PushOutcome(const PushRequest&, base::ByteSink&, std::stop_token)> onPush;
  std::function<int(const std::vector<std::string>&, CommandStreams&, std::stop_token)> onCommand;
  std::atomic<int> pushes{0};
  std::atomic<bool> storeFails{false};  ///< no key can be looked up
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;
  /// The server goes first: its threads use what a test's members hold.
  void TearDown() override { server_.reset(); }

  /// Starts the server; the handler's functions are set by then.
  void start(const std::function<void(SshServerConfig&)>& adjust = {});
  std::filesystem::path makeRepository(const std::string& name);
  /// A work tree with one commit on main and the remote "fairlead" for the app.
  std::filesystem::path makeWorkTree(const std::string& name, const std::string& app);
  void commitFile(const std::filesystem::path& workTree, const std::string& name, const std::string& text);
  std::string url(const std::string& app) const;
  std::string key(const std::string& name);  ///< path of a key pair, made when missing
  std::vector<std::string> environment(const std::string& keyName) const;
  std::vector<std::string> sshCommand(const std::string& keyName) const;
  std::string port() const;

  base::CommandOutput run(const std::vector<std::string>& argv, const std::filesystem::path& folder = {},
                          const std::string& keyName = "alice");
  base::CommandOutput git(const std::filesystem::path& workTree, std::vector<std::string> arguments,
                          const std::string& keyName = "alice");
  base::CommandOutput ssh(std::vector<std::string> arguments, const std::string& keyName = "alice");
  /// Starts a git command that goes on by itself.
  base::ChildProcess spawnGit(const std::filesystem::path& workTree, std::vector<std::string> arguments,
                              const base::Fd& output);
  /// An OpenSSH master connection of alice's in the background; returns its control path.
  std::string startMaster();
  base::Fd connectPlain() const;
  /// Everything the server says until it hangs up.
  static std::string readToEnd(const base::Fd& socket);
  /// Nothing of any push is left aside in the repository.
  static bool quarantineIsEmpty(const std::filesystem::path& repository);

  testing_support::TempFolder folder_;
  ScriptedPushHandler handler_;
  SshServerConfig config_;
  base::Metrics metrics_;
  std::unique_ptr<SshServer> server_;
};

/// Polls until body() is true; false after the deadline.
bool eventually(const std::function<bool()>& body, std::chrono::milliseconds limit = std::chrono::seconds(5));

}  // namespace gitd::testing
