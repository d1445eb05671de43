// What the tests of the control side stand on.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "builder/builder.h"
#include "builder/stack_maker.h"
#include "controller/access.h"
#include "controller/app_limits.h"
#include "controller/app_locks.h"
#include "controller/data_folder.h"
#include "controller/public_urls.h"
#include "controller/releases.h"
#include "controller/stack_service.h"
#include "runner/app_log.h"
#include "sandbox/layer_store.h"
#include "store/layer_writer.h"
#include "store/release_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_engine.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/own_trees.h"
#include "tests/support/scripted_runtime.h"
#include "tests/support/temp_folder.h"

namespace controller {

/// A real database and real folders; only containers and processes are made up.
class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() {
    for (const auto& each : {folder_.repositories(), folder_.appLogs(), folder_.builds()})
      std::filesystem::create_directories(each);
    accounts_.createUser("ada", store::Role::admin);
  }

  /// As if by one of the user's keys.
  Identity identityOf(const std::string& user) {
    return {
        .user = user, .role = accounts_.getUser(user).role, .door = Identity::Door::key, .via = "SHA256:x"};
  }
  /// On the server's own machine, under a name that tells in what is recorded.
  static Identity local(const std::string& user) {
    Identity identity = localAdministrator();
    identity.user = user;
    return identity;
  }

  store::Layer layer(const std::string& bytes) {
    store::LayerWriter writer(blobs_);
    writer.write(bytes);
    return writer.commit();
  }
  /// A stack whose images are one layer with these bytes. Returns the run image's digest.
  store::Digest putStack(const std::string& name, const std::string& bytes) {
    const store::Layer base = layer(bytes);
    store_.putStack({name, {{base}, base.blob.digest}, {{base}, base.blob.digest}, clock_.now()});
    return base.blob.digest;
  }

  testing_support::TempFolder temp_;
  DataFolder folder_{temp_.path()};
  test::FakeClock clock_;
  store::ReleaseStore store_{folder_.database(), clock_};
  store::AccountStore accounts_{store_};
  const Access access_{store_, accounts_};
  testing_support::MemoryBlobStore blobs_;
  test::ScriptedRuntime runtime_;
  test::OwnTrees trees_;
  testing_support::FakeEngine engine_;
  runner::AppLog log_{folder_.appLogs(), clock_};
  sandbox::LayerStore layers_{folder_.layers(), trees_};
  PublicUrls urls_{"localhost"};
  AppLocks locks_;
  AppLimits limits_{
      {{"build_cpus", 0},
       {"build_disk_bytes", 16ull << 30},
       {"build_idle_timeout_s", 600},
       {"build_log_max_bytes", 300u << 20},
       {"build_memory_bytes", 4ull << 30},
       {"build_pids", 4096},
       {"build_timeout_s", 900},
       {"process_cpus", 0},
       {"process_disk_bytes", 2ull << 30},
       {"process_memory_bytes", 512u << 20},
       {"process_pids", 1024},
       {"slug_max_bytes", 1u << 30},
       {"slug_max_expanded_bytes", 4ull << 30},
       {"slug_max_files", 500'000}},
      {{"build_memory_bytes", 8ull << 30}, {"process_memory_bytes", 2ull << 30}, {"process_cpus", 2000}}};
  const std::unique_ptr<sandbox::HostPrograms> programs_ = sandbox::makeHostPrograms(builder::stackProgram);
  StackService stacks_{store_, blobs_, *programs_, clock_};
  Releases releases_{store_, blobs_, engine_, log_, limits_, folder_, clock_};
  builder::Builder builder_{{.workFolder = folder_.builds(), .buildpackFolder = folder_.buildpacks()},
                            runtime_,
                            trees_,
                            blobs_,
                            store_};
};

}  // namespace controller
