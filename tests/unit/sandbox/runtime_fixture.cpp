#include "tests/unit/sandbox/runtime_fixture.h"

#include <net/if.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/atomic_file.h"
#include "base/child_process.h"
#include "base/digest.h"
#include "base/error.h"
#include "sandbox/detail/read_or_empty.h"

namespace sandbox_test {
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kShift = 1879048192;

void giveToContainer(const fs::path& path, std::uint32_t id) {
  if (::lchown(path.c_str(), kShift + id, kShift + id) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
}

// Some runtimes work only on some hosts, so that the tests' can be chosen.
std::string chosenRuntime() {
  const char* name = std::getenv("FAIRLEAD_TEST_RUNTIME");
  return name != nullptr ? name : "auto";
}

void addIfExists(std::vector<std::string>& found, const fs::path& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) found.push_back(path.string());
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "fairlead-sandbox-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  base::removeTree(path_);
}

std::string missingForContainers() {
  if (::geteuid() != 0) return "containers can only be made by root";
  if (!base::findProgram("runc") && !base::findProgram("crun")) return "neither runc nor crun is installed";
  if (!base::findProgram("conmon")) return "conmon is not installed";
  if (!base::findProgram("tini-static")) return "tini is not installed";
  if (!base::findProgram("busybox")) return "busybox-static is not installed";
  return "";
}

const fs::path& testImage() {
  static const TemporaryFolder folder;
  static const fs::path image = [] {
    const fs::path root = folder.path() / "image";
    fs::create_directories(root / "bin");
    fs::copy_file(*base::findProgram("busybox"), root / "bin/busybox");
    std::istringstream names(base::mustRun({"busybox", "--list"}));
    for (std::string name; names >> name;) {
      if (name != "busybox") fs::create_symlink("busybox", root / "bin" / name);
    }
    for (const char* name : {"etc", "home", "app"})
      fs::create_directory(root / name);
    std::ofstream(root / "etc/passwd") << "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n";
    fs::create_symlink("../run/somewhere/resolv.conf",
                       root / "etc/resolv.conf");  // as systemd-resolved leaves it in images
    for (const auto& entry : fs::recursive_directory_iterator(root))
      giveToContainer(entry.path(), 0);
    giveToContainer(root, 0);
    giveToContainer(root / "app", 1000);
    return root;
  }();
  return image;
}

std::unique_ptr<TemporaryFolder> RuntimeTest::data_;
std::unique_ptr<sandbox::SupervisedRuntime> RuntimeTest::shared_;
base::SystemClock RuntimeTest::clock_;

void RuntimeTest::SetUpTestSuite() {
  if (!missingForContainers().empty()) return;
  data_ = std::make_unique<TemporaryFolder>();
  shared_ = anotherRuntime();
}

void RuntimeTest::TearDownTestSuite() {
  shared_.reset();
  data_.reset();
}

void RuntimeTest::SetUp() {
  const std::string missing = missingForContainers();
  if (!missing.empty()) GTEST_SKIP() << missing;
  folder_ = std::make_unique<TemporaryFolder>();
  runtime_ = shared_.get();
}

void RuntimeTest::TearDown() {
  if (runtime_ == nullptr) return;
  for (const std::string& id : runtime_->list())
    runtime_->remove(id);
  EXPECT_EQ(leftovers(config().folder), std::vector<std::string>{});
}

sandbox::OciRuntimeConfig RuntimeTest::config() {
  return {.folder = data_->path() / "run", .runtime = chosenRuntime()};
}

sandbox::SupervisorSettings RuntimeTest::settings() {
  return {.runtime = config(),
          .dataFolder = fs::temp_directory_path(),
          .layerFolders = {""},
          .mountFolders = {""},
          .logFolders = {""},
          .operatorFolders = {},
          .operatorFiles = {}};
}

std::unique_ptr<sandbox::SupervisedRuntime> RuntimeTest::anotherRuntime(
    const sandbox::SupervisorSettings& settings) {
  return sandbox::startSupervisor({SUPERVISOR_PROGRAM}, settings);
}

std::unique_ptr<sandbox::LocalRuntime> RuntimeTest::localRuntime() {
  return sandbox::makeOciRuntime(config(), clock_);
}

sandbox::ContainerSpec RuntimeTest::shell(const std::string& script) {
  sandbox::ContainerSpec spec;
  spec.id = "test-" + std::to_string(++serial_);
  spec.layers = {testImage()};
  spec.argv = {"/bin/sh", "-c", script};
  spec.environment = {{"PATH", "/bin"}, {"HOME", "/app"}};
  spec.limits.memoryBytes = 128u << 20;
  spec.limits.pids = 64;
  spec.network = false;
  return spec;
}

sandbox::RunResult RuntimeTest::run(const sandbox::ContainerSpec& spec, const sandbox::RunOptions& options) {
  StringSink sink;
  const sandbox::RunResult result = runtime_->run(spec, sink, options);
  output_ = sink.text;
  return result;
}

std::string RuntimeTest::outputOf(const std::string& script) {
  run(shell(script));
  return output_;
}

std::vector<std::string> leftovers(const fs::path& dataFolder) {
  std::vector<std::string> found;
  const std::string seed = base::Digest::of(fs::weakly_canonical(dataFolder).string()).hex().substr(0, 8);
  std::istringstream mounts(sandbox::readOrEmpty("/proc/self/mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    if (line.find("fairlead-" + seed) != std::string::npos ||
        line.find(dataFolder.string()) != std::string::npos)
      found.push_back(line);
  }
  addIfExists(found, "/run/fairlead-" + seed);
  addIfExists(found, "/sys/fs/cgroup/fairlead-" + seed);
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup"))
    addIfExists(found, entry.path() / ("fairlead-" + seed));
  if (::if_nametoindex(("fl" + seed).c_str()) != 0) found.push_back("bridge fl" + seed);
  if (base::findProgram("iptables-save")) {
    std::istringstream rules(base::mustRun({"iptables-save"}));
    for (std::string line; std::getline(rules, line);) {
      if (line.find("fl" + seed) != std::string::npos) found.push_back(line);
    }
  }
  for (const auto& process : fs::directory_iterator("/proc")) {
    const std::string name = process.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (sandbox::readOrEmpty(process.path() / "cmdline").find(dataFolder.string()) != std::string::npos)
      found.push_back("process " + name);
  }
  for (const char* child : {"containers", "oci", "leases/fairlead"}) {
    std::error_code ignored;
    for (fs::directory_iterator entry(dataFolder / child, ignored), end; entry != end;
         entry.increment(ignored)) {
      const std::string name = entry->path().filename().string();
      if (name != "lock" && !name.starts_with("last_reserved_ip")) found.push_back(entry->path().string());
    }
  }
  return found;
}

}  // namespace sandbox_test
