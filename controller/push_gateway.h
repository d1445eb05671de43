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

/// Thread-safe.
class PushGateway : public gitd::PushHandler {
 public:
  PushGateway(const DataFolder& folder, store::ReleaseStore& store, Deployer& deployer, CommandSet& commands,
              RepositoryKeeper& keeper)
      : folder_(folder), store_(store), deployer_(deployer), commands_(commands), keeper_(keeper) {}

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
  const DataFolder& folder_;
  store::ReleaseStore& store_;
  Deployer& deployer_;
  CommandSet& commands_;
  RepositoryKeeper& keeper_;
};

}  // namespace controller
