// gitd's questions, answered from the store; pushes become builds.
#pragma once

#include <string>

#include "controller/command_set.h"
#include "controller/data_folder.h"
#include "controller/deployer.h"
#include "controller/repository_keeper.h"
#include "gitd/push_handler.h"
#include "store/release_store.h"

namespace controller {

/// All outlive the gateway.
struct PushGatewayParts {
  const DataFolder& folder;
  store::ReleaseStore& store;
  const Access& access;
  Deployer& deployer;
  CommandSet& commands;
  RepositoryKeeper& keeper;
};

/// Each question looks the key up anew: one that was removed, or whose user lost a right, ends what its open
/// connections may. Thread-safe.
class PushGateway : public gitd::PushHandler {
 public:
  explicit PushGateway(const PushGatewayParts& parts) : parts_(parts) {}

  std::optional<gitd::Identity> findIdentity(const std::string& fingerprint) override;
  std::optional<gitd::RepositoryAccess> openRepository(const gitd::Identity& identity,
                                                       const std::string& name) override;
  std::optional<std::string> refuseUpdate(const gitd::Identity& identity,
                                          const gitd::RepositoryAccess& repository,
                                          const gitd::RefUpdate& update) override;
  std::optional<std::string> refuseOptions(const std::vector<std::string>& options) override;
  gitd::PushOutcome push(const gitd::PushRequest& request, base::ByteSink& output,
                         std::stop_token clientGone) override;
  int runCommand(const gitd::Identity& identity, const std::vector<std::string>& argv,
                 gitd::CommandStreams& streams, std::stop_token clientGone) override;

 private:
  /// Why this identity may not deploy the app; nullopt: it may.
  std::optional<std::string> refusePusher(const gitd::Identity& identity, const store::App& app);

  const PushGatewayParts parts_;
};

}  // namespace controller
