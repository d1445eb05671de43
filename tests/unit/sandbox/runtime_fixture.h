// Real containers for the tests: a data folder, a tiny image, a runtime.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "sandbox/oci_runtime.h"
#include "sandbox/supervisor.h"

namespace sandbox_test {

/// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class StringSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

/// Why containers cannot be tested here; empty when they can.
std::string missingForContainers();

/// One data folder, and a runtime with a supervisor, for a suite's tests; skips (saying why) where containers
/// cannot be made. After each test nothing of the data folder may be left on the host.
class RuntimeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  /// `sh -c script` as uid 1000 in the image, without a network.
  sandbox::ContainerSpec shell(const std::string& script);
  /// Runs it to its end and keeps its output.
  sandbox::RunResult run(const sandbox::ContainerSpec& spec, const sandbox::RunOptions& options = {});
  std::string outputOf(const std::string& script);
  /// Another runtime and supervisor on the same data folder, as after a restart of the daemon.
  static std::unique_ptr<sandbox::SupervisedRuntime> anotherRuntime(
      const sandbox::SupervisorSettings& wanted = settings());
  /// One that makes its containers in this process.
  static std::unique_ptr<sandbox::LocalRuntime> localRuntime();
  static sandbox::OciRuntimeConfig config();
  /// Everything in the system's folder for temporary files may be used.
  static sandbox::SupervisorSettings settings();

  std::unique_ptr<TemporaryFolder> folder_;  ///< for the test's own files
  sandbox::SupervisedRuntime* runtime_ = nullptr;
  std::string output_;
  int serial_ = 0;

 private:
  static std::unique_ptr<TemporaryFolder> data_;
  static std::unique_ptr<sandbox::SupervisedRuntime> shared_;
  static base::SystemClock clock_;
};

/// What containers of a data folder have left on the host: mounts, cgroups, interfaces, firewall rules,
/// processes; one a line.
std::vector<std::string> leftovers(const std::filesystem::path& dataFolder);

/// Folder of the image: busybox, some system folders, owners shifted.
const std::filesystem::path& testImage();

}  // namespace sandbox_test
