#include "base/confine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "base/error.h"
#include "base/fd.h"

namespace base {
namespace {

using testing::HasSubstr;

constexpr unsigned kNobody = 65534;

/// Runs `look` in a child that has confined itself, and returns what that returned.
int confined(const Confinement& confinement, const std::function<int()>& look) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      confine(confinement);
      ::_exit(look());
    } catch (...) {
      ::_exit(99);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/// 0 when the call failed so.
int failsWith(int wanted, long result) {
  return result == -1 && errno == wanted ? 0 : 1;
}

std::string fieldOf(const std::string& status, const std::string& name) {
  const std::size_t begin = status.find(name + ":\t");
  if (begin == std::string::npos) return "";
  const std::size_t value = begin + name.size() + 2;
  return status.substr(value, status.find('\n', value) - value);
}

class ConfineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to have rights that can be given up";
  }
};

TEST_F(ConfineTest, LeavesNoRights) {
  EXPECT_EQ(confined({.uid = kNobody, .gid = kNobody},
                     [] {
                       const std::string status = readFile("/proc/self/status");
                       int number = 1;
                       for (const char* name : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
                         if (fieldOf(status, name) != "0000000000000000") return number;
                         ++number;
                       }
                       if (fieldOf(status, "Uid") != "65534\t65534\t65534\t65534") return 10;
                       if (fieldOf(status, "Gid") != "65534\t65534\t65534\t65534") return 11;
                       if (fieldOf(status, "Groups").find_first_not_of(' ') != std::string::npos) return 12;
                       if (fieldOf(status, "NoNewPrivs") != "1") return 13;
                       return fieldOf(status, "Seccomp") == "2" ? 0 : 14;
                     }),
            0);
}

TEST_F(ConfineTest, KeepsLowPortsWhereAsked) {
  const auto caps = [](bool lowPorts) {
    return confined({.uid = kNobody, .gid = kNobody, .lowPorts = lowPorts}, [] {
      const std::string status = readFile("/proc/self/status");
      for (const char* name : {"CapPrm", "CapEff", "CapBnd", "CapAmb"})
        if (fieldOf(status, name) != "0000000000000400") return 1;
      return 0;
    });
  };
  EXPECT_EQ(caps(true), 0);
  EXPECT_EQ(caps(false), 1);
}

TEST_F(ConfineTest, RefusesWhatOnlyWhoRunsAMachineNeeds) {
  const Confinement nobody{.uid = kNobody, .gid = kNobody};
  EXPECT_EQ(confined(nobody, [] { return failsWith(EPERM, ::unshare(CLONE_NEWUSER)); }), 0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(EPERM, ::mount("none", "/tmp", "tmpfs", 0, nullptr)); }),
            0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(EPERM, ::syscall(SYS_ptrace, 0, 0, 0, 0)); }), 0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(EPERM, ::syscall(SYS_bpf, 0, nullptr, 0)); }), 0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(EPERM, ::syscall(SYS_io_uring_setup, 1, nullptr)); }), 0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(ENOSYS, ::syscall(SYS_clone3, nullptr, 0)); }), 0);
  EXPECT_EQ(
      confined(nobody,
               [] { return failsWith(EPERM, ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }),
      0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(EAFNOSUPPORT, ::socket(AF_PACKET, SOCK_RAW, 0)); }), 0);
  EXPECT_EQ(confined(nobody, [] { return failsWith(EPERM, ::setuid(0)); }), 0);
}

TEST_F(ConfineTest, LeavesWhatServersNeed) {
  EXPECT_EQ(confined({.uid = kNobody, .gid = kNobody},
                     [] {
                       for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
                         const Fd fd(::socket(family, family == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0));
                         if (!fd.valid() && errno != EAFNOSUPPORT) return family;
                         if (!fd.valid() && family != AF_INET6) return family;
                       }
                       int done = 0;
                       std::thread([&done] { done = 1; }).join();
                       const pid_t child = ::fork();
                       if (child == 0) ::_exit(7);
                       int status = 0;
                       ::waitpid(child, &status, 0);
                       return done == 1 && WEXITSTATUS(status) == 7 ? 0 : 90;
                     }),
            0);
}

TEST(Confinement, IsWrittenInAWord) {
  const auto again = parseConfinement(toText({.uid = 12, .gid = 34, .lowPorts = true}));
  EXPECT_EQ(again.uid, 12u);
  EXPECT_EQ(again.gid, 34u);
  EXPECT_TRUE(again.lowPorts);
  EXPECT_FALSE(parseConfinement("1:2").lowPorts);
  for (const char* bad :
       {"", "1", "1:", ":2", "1:2:3", "a:b", "1:2,", "1:2,all", "-1:2", "4294967295:1", "1:2,low-ports,x"})
    EXPECT_THROW(parseConfinement(bad), Error) << bad;
}

TEST(Confinement, AnAccountIsFoundByItsName) {
  EXPECT_EQ(confinementOf("root").uid, 0u);
  try {
    confinementOf("nobody-of-that-name");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::notFound);
    EXPECT_THAT(error.what(), HasSubstr("no account \"nobody-of-that-name\""));
  }
}

}  // namespace
}  // namespace base
