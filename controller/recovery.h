// What a start does about what a crash, a kill or a reboot left.
#pragma once

#include <stop_token>

#include "controller/data_folder.h"
#include "controller/releases.h"
#include "runner/app_log.h"
#include "sandbox/container.h"
#include "sandbox/foreign_trees.h"
#include "store/release_store.h"

namespace controller {

struct RecoveryParts {
  const DataFolder& folder;
  store::ReleaseStore& store;
  Releases& releases;
  runner::Engine& engine;
  sandbox::ContainerRuntime& runtime;
  AppLocks& locks;
  runner::AppLog& log;
  sandbox::ForeignTrees& trees;
};

/// Before the listeners open: builds that ran are failed ("interrupted"), their containers and quarantines
/// are removed, apps half destroyed go. (Their folders are the Builder's to remove.)
void recoverBuilds(const RecoveryParts& parts);

/// While serving, app by app: a release that was committed but not launched is launched, the git ref is set
/// to what the newest pushed release says, and what runs is brought in line with what is asked. One app's
/// failure is logged and does not keep the others back.
void recoverApps(const RecoveryParts& parts, std::stop_token stop);

}  // namespace controller
