#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <stop_token>
#include <thread>

#include "base/error.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

namespace fs = std::filesystem;
using sandbox::ContainerSpec;
using sandbox::RunOptions;
using sandbox::RunResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;

class RunTest : public RuntimeTest {};

TEST_F(RunTest, GivesOutputAndExitCode) {
  const RunResult result = run(shell("echo to stdout; echo to stderr >&2; exit 7"));
  EXPECT_EQ(result.end, RunResult::End::exited);
  EXPECT_EQ(result.status.code, 7);
  EXPECT_EQ(result.status.signal, 0);
  EXPECT_FALSE(result.outOfMemory);
  EXPECT_EQ(output_, "to stdout\nto stderr\n");
}

TEST_F(RunTest, PassesMuchOutputWhole) {
  const RunResult result = run(shell("seq 1 100000"));
  EXPECT_TRUE(result.status.ok());
  std::string expected;
  for (int i = 1; i <= 100000; ++i)
    expected += std::to_string(i) + "\n";
  EXPECT_EQ(output_, expected);
}

TEST_F(RunTest, ReportsADeathBySignalAsAShellDoes) {
  EXPECT_EQ(run(shell("kill -9 $$")).status.code, 128 + 9);
}

TEST_F(RunTest, ReportsAMissingProgramAsAShellDoes) {
  ContainerSpec spec = shell("");
  spec.argv = {"/bin/no-such-program"};
  EXPECT_EQ(run(spec).status.code, 127);
}

TEST_F(RunTest, PassesExactlyTheEnvironment) {
  ContainerSpec spec = shell("");
  spec.argv = {"/bin/env"};
  spec.environment = {{"PATH", "/bin"}, {"HOME", "/app"}, {"ODD", "a=b \"c\" \n$d"}};
  run(spec);
  EXPECT_EQ(output_, "PATH=/bin\nHOME=/app\nODD=a=b \"c\" \n$d\n");
}

TEST_F(RunTest, HasItsOwnFolderUserAndHostname) {
  ContainerSpec spec =
      shell("pwd; id -u; id -g; hostname; cat /etc/hostname; cat /proc/self/uid_map /proc/self/gid_map");
  spec.workingDirectory = "/app";
  spec.uid = 1000;
  spec.gid = 1001;
  spec.hostname = "web-1";
  run(spec);
  std::istringstream words(output_);
  const std::vector<std::string> found{std::istream_iterator<std::string>(words), {}};
  EXPECT_THAT(found, ::testing::ElementsAre("/app", "1000", "1001", "web-1", "web-1", "0", "1879048192",
                                            "65536", "0", "1879048192", "65536"));
}

TEST_F(RunTest, OpensItsOutputByName) {
  run(shell("echo one >/dev/stdout; echo two >/dev/stderr; echo three >/proc/self/fd/1"));
  EXPECT_EQ(output_, "one\ntwo\nthree\n");
}

TEST_F(RunTest, HasNoRightsNotEvenAsRoot) {
  for (const std::uint32_t uid : {0u, 1000u}) {
    ContainerSpec spec = shell("cat /proc/self/status");
    spec.uid = uid;
    run(spec);
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
      EXPECT_THAT(output_, HasSubstr(std::string(set) + ":\t0000000000000000\n"));
    EXPECT_THAT(output_, HasSubstr("NoNewPrivs:\t1\n"));
    EXPECT_THAT(output_, HasSubstr("Seccomp:\t2\n"));
  }
}

TEST_F(RunTest, SeesOnlyItsOwnProcesses) {
  run(shell("cd /proc; echo [0-9]*; tr '\\0' ' ' <1/cmdline"));
  EXPECT_THAT(output_, ::testing::MatchesRegex("1 [0-9]+\n/dev/init -g -- /bin/sh .*"));
}

TEST_F(RunTest, CannotChangeTheMachine) {
  const std::vector<std::string> attempts = {
      "mount -t tmpfs none /app",
      "umount /proc",
      "unshare -U true",
      "unshare -m true",
      "unshare -n true",
      "nsenter -t 1 -m true",
      "echo 1 >/proc/sys/kernel/sysrq",
      "echo c >/proc/sysrq-trigger",
      "echo 1 >/sys/kernel/mm/ksm/run",
      "mkdir /sys/fs/cgroup/memory/x /sys/fs/cgroup/x",
      "hostname other",
      "date -s 2001-01-01 && date | grep 2001 && test $(date +%Y) = 2001",
      "mknod /tmp/disk b 254 0",
      "chroot / true",
      "reboot -f",
      "dmesg",
      "swapoff -a",
      "insmod x.ko",
      "ip link set lo down",
      "renice -n -5 $$",
      "ulimit -c 1",
      "head -c 1 /proc/kcore | grep ."};
  for (const std::uint32_t uid : {0u, 1000u}) {
    std::string script;
    for (const std::string& attempt : attempts) {
      script += "(" + attempt + ") >/dev/null 2>&1 && echo 'possible: " + attempt + "'\n";
    }
    ContainerSpec spec = shell(script + "echo done");
    spec.uid = spec.gid = uid;
    run(spec);
    EXPECT_EQ(output_, "done\n") << "as uid " << uid;
  }
}

TEST_F(RunTest, DoesNotSeeTheHostsFiles) {
  const auto secret = folder_->path() / "secret";
  std::ofstream(secret) << "secret";
  run(shell("cat " + secret.string() + " 2>&1; ls -d /work /root /home/* /var /usr 2>/dev/null; ls /"));
  EXPECT_THAT(output_, Not(HasSubstr("secret\n")));
  EXPECT_THAT(output_, ::testing::EndsWith("\napp\nbin\ndev\netc\nhome\nproc\nsys\ntmp\n"));
}

TEST_F(RunTest, InitReapsZombies) {
  EXPECT_THAT(outputOf("(sleep 0.05 &); sleep 0.3; cat /proc/[0-9]*/stat | grep -c ' Z '"), HasSubstr("0\n"));
}

TEST_F(RunTest, MemoryLimitIsReported) {
  ContainerSpec spec = shell("tail /dev/zero; echo status $?");
  spec.limits.memoryBytes = 32u << 20;
  const RunResult result = run(spec);
  EXPECT_TRUE(result.outOfMemory);
  EXPECT_THAT(output_, HasSubstr("status 137"));
  EXPECT_FALSE(std::filesystem::exists("oom")) << "conmon's note lies in our own working directory";
}

TEST_F(RunTest, PidsLimitHoldsAForkBomb) {
  ContainerSpec spec = shell("bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 0.5; echo survived");
  spec.limits.pids = 40;
  RunOptions options;
  options.timeout = seconds(3);
  options.killGrace = milliseconds(200);
  const auto before = steady_clock::now();
  run(spec, options);
  EXPECT_LT(steady_clock::now() - before, seconds(6));
  // The next one finds everything free.
  EXPECT_EQ(outputOf("echo next"), "next\n");
}

TEST_F(RunTest, CpuLimitIsSet) {
  ContainerSpec spec = shell("cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null");
  spec.limits.cpus = 0.5;
  run(spec);
  EXPECT_THAT(output_, HasSubstr("50000"));
}

TEST_F(RunTest, TmpIsATmpfsOfTheLimitsSize) {
  ContainerSpec spec =
      shell("dd if=/dev/zero of=/tmp/x bs=1024k count=3 2>&1; stat -c %a /tmp; ls -l /tmp/x");
  spec.limits.tmpBytes = 1u << 20;
  run(spec);
  EXPECT_THAT(output_, HasSubstr("No space left"));
  EXPECT_THAT(output_, HasSubstr("\n1777\n"));
  EXPECT_THAT(output_, HasSubstr(" 1048576 "));
}

/// Calls something when the first output comes.
class ReactingSink : public base::ByteSink {
 public:
  explicit ReactingSink(std::function<void()> reaction) : reaction_(std::move(reaction)) {}
  void write(std::string_view bytes) override {
    if (text.empty()) reaction_();
    text.append(bytes);
  }
  std::string text;

 private:
  std::function<void()> reaction_;
};

TEST_F(RunTest, TimeoutEndsWhatIgnoresSigtermWithItsDaemons) {
  steady_clock::time_point ready;
  ReactingSink sink([&] { ready = steady_clock::now(); });
  RunOptions options;
  options.timeout = seconds(1);
  options.killGrace = milliseconds(300);
  const RunResult result = runtime_->run(shell("trap '' TERM; (setsid sh -c \"trap '' TERM; while :; do "
                                               "sleep 1; done\" &); echo ready; while :; do sleep 1; done"),
                                         sink, options);
  EXPECT_EQ(result.end, RunResult::End::timedOut);
  EXPECT_LT(steady_clock::now() - ready, milliseconds(1000 + 300 + 1000));
}

TEST_F(RunTest, SilenceEndsItOutputDoesNot) {
  RunOptions options;
  options.idleTimeout = seconds(1);
  options.killGrace = milliseconds(100);
  EXPECT_EQ(run(shell("for i in 1 2 3 4; do sleep 0.4; echo $i; done"), options).end, RunResult::End::exited);
  const auto start = steady_clock::now();
  EXPECT_EQ(run(shell("echo said; sleep 20"), options).end, RunResult::End::idle);
  EXPECT_LT(steady_clock::now() - start, seconds(4));
  EXPECT_EQ(output_, "said\n");
}

TEST_F(RunTest, AFileCanBeNoLongerThanItsLimit) {
  ContainerSpec spec = shell("truncate -s 11M /tmp/f; dd if=/dev/zero of=/tmp/g bs=1M count=11");
  spec.limits.fileBytes = 10u << 20;
  EXPECT_FALSE(run(spec).status.ok());
  EXPECT_EQ(run(spec).status.code, 128 + SIGXFSZ);
}

TEST_F(RunTest, FilesWithoutANameAreCounted) {
  const std::string folder = folder_->path() / "disk";
  std::filesystem::create_directory(folder);
  ASSERT_EQ(::chmod(folder.c_str(), 01777), 0);
  struct stat info {};
  ASSERT_EQ(::stat(folder.c_str(), &info), 0);
  ContainerSpec spec =
      shell("exec 3>/disk/f; rm /disk/f; dd if=/dev/zero bs=1M count=3 >&3; echo ready; sleep 20");
  spec.mounts = {{folder, "/disk", false}};
  std::stop_source source;
  std::uint64_t counted = 0;
  ReactingSink sink([&] {
    counted = std::max(counted, runtime_->unlinkedBytes(spec.id, info.st_dev));
    if (counted > 0) source.request_stop();
  });
  RunOptions options;
  options.stop = source.get_token();
  options.killGrace = milliseconds(10);
  runtime_->run(spec, sink, options);
  EXPECT_GE(counted, 3u << 20);
  EXPECT_EQ(runtime_->unlinkedBytes("nobody", info.st_dev), 0u);
}

TEST_F(RunTest, AReadOnlyRootTakesNothingButMountsDo) {
  std::filesystem::create_directory(folder_->path() / "app");
  const std::uint32_t owner = runtime_->hostId(0);
  ASSERT_EQ(::chown((folder_->path() / "app").c_str(), owner, owner), 0);
  ContainerSpec spec = shell("touch /app/x && echo app; touch /tmp/x && echo tmp; touch /home/x || echo no");
  spec.mounts = {{folder_->path() / "app", "/app", false}};
  spec.readOnlyRoot = true;
  spec.uid = 0;
  run(spec);
  EXPECT_THAT(output_, HasSubstr("app\ntmp\n"));
  EXPECT_THAT(output_, HasSubstr("no\n"));
  EXPECT_THAT(output_, HasSubstr("Read-only file system"));
}

TEST_F(RunTest, CancelGivesTimeToEndInOrder) {
  std::stop_source source;
  ReactingSink sink([&] { source.request_stop(); });
  RunOptions options;
  options.stop = source.get_token();
  const auto before = steady_clock::now();
  const RunResult result = runtime_->run(
      shell("trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done"), sink, options);
  EXPECT_EQ(result.end, RunResult::End::cancelled);
  EXPECT_THAT(sink.text, ::testing::EndsWith("stopping\n"));
  EXPECT_LT(steady_clock::now() - before, seconds(3));
}

TEST_F(RunTest, CancelReachesEveryProcessOnce) {
  std::stop_source source;
  ReactingSink sink([&] { source.request_stop(); });
  RunOptions options;
  options.stop = source.get_token();
  // The child is in a session of its own, so that no signal to a group reaches it.
  const std::string child =
      "trap \"echo child\" TERM; i=0; while [ $i -lt 12 ]; do sleep 0.05; i=$((i+1)); done";
  runtime_->run(
      shell("setsid sh -c '" + child + "' & trap 'echo parent' TERM; sleep 0.2; echo ready; wait; wait"),
      sink, options);
  std::istringstream words(sink.text);
  std::vector<std::string> found{std::istream_iterator<std::string>(words), {}};
  std::erase(found, "Terminated");  // a shell on its child's end
  EXPECT_THAT(found, ::testing::UnorderedElementsAre("ready", "child", "parent"));
}

TEST_F(RunTest, AThrowingSinkEndsTheContainer) {
  ReactingSink sink([] { throw base::Error(base::Errc::cancelled, "the watcher is gone"); });
  EXPECT_THROW(runtime_->run(shell("echo ready; sleep 100"), sink, {}), base::Error);
  EXPECT_TRUE(runtime_->list().empty());
}

TEST_F(RunTest, MountsFilesAndFolders) {
  const auto data = folder_->path() / "data";
  std::filesystem::create_directory(data);
  std::ofstream(data / "file") << "content\n";
  ASSERT_EQ(::chown(data.c_str(), runtime_->hostId(1000), runtime_->hostId(1000)), 0);
  ContainerSpec spec = shell(
      "cat /mnt/in/deep/file /etc/single /tmp/build/file; echo x >/mnt/in/deep/new || echo read only; echo "
      "written >/var/data/new; ls -ld /mnt/in | cut -c1-10");
  spec.mounts = {{data, "/mnt/in/deep", true},
                 {data / "file", "/etc/single", true},
                 {data, "/var/data", false},
                 {data, "/tmp/build", true}};
  run(spec);
  EXPECT_EQ(output_,
            "content\ncontent\ncontent\n/bin/sh: can't create /mnt/in/deep/new: Read-only file system\nread "
            "only\ndrwxr-xr-x\n");
  EXPECT_TRUE(std::filesystem::exists(data / "new"));
}

TEST_F(RunTest, ChangesOfAMountLieAsideAndTheNextContainerSeesThem) {
  const fs::path kept = folder_->path() / "kept";
  const fs::path changes = folder_->path() / "changes";
  fs::create_directories(kept);
  fs::create_directories(changes / "upper");
  for (const fs::path& owned : {kept, changes / "upper"})
    ASSERT_EQ(::chown(owned.c_str(), runtime_->hostId(1000), runtime_->hostId(1000)), 0);
  std::ofstream(kept / "old") << "old";
  ASSERT_EQ(::chown((kept / "old").c_str(), runtime_->hostId(1000), runtime_->hostId(1000)), 0);
  ContainerSpec spec = shell("echo new >/var/cache/new && rm /var/cache/old");
  spec.mounts = {{.source = kept, .target = "/var/cache", .readOnly = false, .changes = changes}};
  EXPECT_TRUE(run(spec).status.ok()) << output_;
  ContainerSpec next = shell("ls /var/cache; cat /var/cache/new");
  next.mounts = spec.mounts;
  EXPECT_TRUE(run(next).status.ok()) << output_;
  EXPECT_EQ(output_, "new\nnew\n");
  EXPECT_TRUE(fs::exists(kept / "old"));
  EXPECT_FALSE(fs::exists(kept / "new"));
  EXPECT_TRUE(fs::exists(changes / "upper/new"));
  EXPECT_TRUE(fs::is_character_file(changes / "upper/old"));
}

TEST_F(RunTest, MountTargetsDoNotFollowSymlinksOfLayers) {
  const auto layer = folder_->path() / "layer";
  const auto outside = folder_->path() / "outside";
  std::filesystem::create_directories(layer / "bin");
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory_symlink(outside, layer / "data");
  std::filesystem::create_symlink(outside / "made", layer / "file");
  const auto source = folder_->path() / "source";
  std::ofstream(source) << "mounted\n";
  ContainerSpec spec = shell("cat /file; ls -l /file | cut -c1");
  spec.layers = {testImage(), layer};
  spec.mounts = {{source, "/file", true}};
  run(spec);
  EXPECT_EQ(output_, "mounted\n-\n");
  spec = shell("true");
  spec.layers = {testImage(), layer};
  spec.mounts = {{source, "/data/file", true}};
  EXPECT_THROW(run(spec), base::Error);
  EXPECT_TRUE(std::filesystem::is_empty(outside));
  EXPECT_TRUE(runtime_->list().empty());
}

TEST_F(RunTest, StacksLayersAndKeepsThemUnchanged) {
  const auto upper = folder_->path() / "layer:with,odd\\name";
  std::filesystem::create_directories(upper / "etc");
  std::ofstream(upper / "etc/passwd") << "upper\n";
  ContainerSpec spec = shell("cat /etc/passwd; echo new >/app/new; rm /etc/passwd || echo kept");
  spec.layers = {upper, testImage(), upper};  // an image may hold a layer twice
  run(spec);
  EXPECT_THAT(output_, ::testing::StartsWith("upper\n"));
  EXPECT_THAT(output_, ::testing::EndsWith("kept\n"));
  EXPECT_FALSE(std::filesystem::exists(testImage() / "app/new"));
}

TEST_F(RunTest, GeneratesSystemFiles) {
  run(shell("cat /etc/resolv.conf /etc/hosts; echo x >/etc/hosts"));
  EXPECT_THAT(output_, HasSubstr("nameserver "));
  EXPECT_THAT(output_, HasSubstr("127.0.0.1\tlocalhost\n"));
  EXPECT_THAT(output_, Not(HasSubstr("nameserver 127.")));
}

TEST_F(RunTest, RunsManyAtATime) {
  std::vector<std::string> outputs(8);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      ContainerSpec spec = shell("echo " + std::to_string(i));
      spec.network = true;
      threads.emplace_back([this, spec, &text = outputs[i]] {
        StringSink sink;
        runtime_->run(spec, sink, {});
        text = sink.text;
      });
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    EXPECT_EQ(outputs[i], std::to_string(i) + "\n");
}

TEST_F(RunTest, RefusesWhatCannotStart) {
  const auto refuse = [&](const std::function<void(ContainerSpec&)>& spoil, base::Errc expected) {
    ContainerSpec spec = shell("true");
    spoil(spec);
    try {
      run(spec);
      ADD_FAILURE() << "it ran";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
    }
    EXPECT_TRUE(runtime_->list().empty());
  };
  refuse([](ContainerSpec& spec) { spec.id = "../x"; }, base::Errc::invalidArgument);
  refuse([](ContainerSpec& spec) { spec.argv.clear(); }, base::Errc::invalidArgument);
  refuse([](ContainerSpec& spec) { spec.workingDirectory = "app"; }, base::Errc::invalidArgument);
  refuse([](ContainerSpec& spec) { spec.uid = 65536; }, base::Errc::invalidArgument);
  refuse(
      [&](ContainerSpec& spec) {
        spec.mounts = {{folder_->path() / "nothing", "/mnt"}};
      },
      base::Errc::invalidArgument);
  refuse(
      [&](ContainerSpec& spec) {
        spec.mounts = {{folder_->path(), "/mnt/../etc"}};
      },
      base::Errc::invalidArgument);
  refuse([&](ContainerSpec& spec) { spec.layers = {folder_->path() / "nothing"}; }, base::Errc::notFound);
}

}  // namespace
}  // namespace sandbox_test
