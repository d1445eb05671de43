// A Builder of a daemon without rights, against a scripted runtime.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/archive.h"
#include "base/child_process.h"
#include "builder/builder.h"
#include "tests/support/daemon_account.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/memory_layer_index.h"
#include "tests/support/scripted_runtime.h"
#include "tests/support/temp_folder.h"

namespace builder {

namespace fs = std::filesystem;
using sandbox::ContainerSpec;
using sandbox::RunResult;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

struct Collected : BuildOutput {
  void write(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

inline std::string phaseOf(const ContainerSpec& spec) {
  return spec.argv.at(3);
}

/// What a container sees at `target`, on the host. Of a mount with its changes aside that is where they go,
/// with all that is below copied up.
inline fs::path mountAt(const ContainerSpec& spec, const std::string& target) {
  for (const auto& mount : spec.mounts) {
    if (mount.target != target) continue;
    if (mount.changes.empty()) return mount.source;
    constexpr auto kOptions = fs::copy_options::recursive | fs::copy_options::skip_existing;
    fs::copy(mount.source, mount.changes / "upper", kOptions | fs::copy_options::copy_symlinks);
    return mount.changes / "upper";
  }
  ADD_FAILURE() << "nothing is mounted at " << target;
  return {};
}

/// What it plays is done by the user of the build's containers.
class UserRuntime : public test::ScriptedRuntime {
 public:
  explicit UserRuntime(const testing_support::DaemonAccount& daemon) : daemon_(daemon) {}
  RunResult run(const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions& options) override {
    RunResult result;
    daemon_.asContainersUser(spec.uid, [&] { result = ScriptedRuntime::run(spec, out, options); });
    return result;
  }

 private:
  const testing_support::DaemonAccount& daemon_;
};

class BuildTest : public testing::Test {
 protected:
  BuildTest() {
    config.workFolder = folder / "builds";
    config.buildpackFolder = folder / "buildpacks";
    input.id = "hello-b1";
    input.source = folder / "source";
    input.cache = folder / "cache/hello";
    input.stack = "debian-12";
    input.stackLayers = {folder / "layer"};
    input.commit = std::string(40, 'a');
    fs::create_directories(input.source);
  }

  void source(const std::string& name, const std::string& text) { folder.write("source/" + name, text); }

  BuildOutcome build() {
    fs::create_directories(input.source);
    BuildOutcome outcome;
    asDaemon([&](Builder& builder) { outcome = builder.build(input, output, stop.get_token()); });
    return outcome;
  }

  /// With the builder of a daemon that has just started.
  template <typename Work>
  void asDaemon(Work work) {
    daemon.run(folder, [&] {
      Builder builder(config, runtime, daemon.trees(), blobs, packed);
      work(builder);
    });
  }

  BuildSucceeded succeed() {
    auto outcome = build();
    if (auto* ok = std::get_if<BuildSucceeded>(&outcome.result)) return *ok;
    ADD_FAILURE() << output.text;
    return {};
  }

  /// Descriptions of the buildpacks that took the app.
  std::string takenBy() {
    auto outcome = build();
    EXPECT_TRUE(std::holds_alternative<BuildSucceeded>(outcome.result)) << output.text;
    std::string names;
    for (const auto& each : outcome.buildpacks)
      names += (names.empty() ? "" : ", ") + each.description;
    return names;
  }

  std::string fail() {
    auto outcome = build();
    if (auto* failed = std::get_if<BuildFailed>(&outcome.result)) {
      EXPECT_THAT(output.text, HasSubstr(" !     " + failed->reason + "\n"));
      return failed->reason;
    }
    ADD_FAILURE() << output.text;
    return "";
  }

  ContainerSpec phase(const std::string& name) {
    for (const auto& spec : runtime.runs()) {
      if (phaseOf(spec) == name) return spec;
    }
    ADD_FAILURE() << "no phase " << name;
    return {};
  }

  testing_support::TempFolder folder;
  testing_support::DaemonAccount daemon;
  UserRuntime runtime{daemon};
  testing_support::MemoryBlobStore blobs;
  testing_support::MemoryLayerIndex packed;
  BuilderConfig config;
  BuildInput input;
  Collected output;
  std::stop_source stop;
};

}  // namespace builder
