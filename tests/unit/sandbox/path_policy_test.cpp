#include "sandbox/detail/path_policy.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/error.h"
#include "sandbox/detail/overlay.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using sandbox::ContainerSpec;
using sandbox::HeldSpec;
using sandbox::Mount;
using sandbox::PathPolicy;
using ::testing::HasSubstr;

/// A data folder, an operator's folder and an operator's file, and what lies outside.
class PathPolicyTest : public ::testing::Test {
 protected:
  PathPolicyTest() {
    for (const char* name :
         {"data/layers/one", "data/builds/b", "data/keys", "data/logs/app", "srv/media", "etc"})
      fs::create_directories(folder_.path() / name);
    for (const char* name : {"data/builds/b/file", "data/keys/key", "srv/media/film", "etc/secret", "ca.crt"})
      std::ofstream(folder_.path() / name) << name;
    policy_.emplace(sandbox::SupervisorSettings{.runtime = {},
                                                .dataFolder = at("data"),
                                                .layerFolders = {"layers"},
                                                .mountFolders = {"builds"},
                                                .logFolders = {"logs"},
                                                .operatorFolders = {at("srv")},
                                                .operatorFiles = {at("ca.crt")}});
  }

  fs::path at(const std::string& name) const { return folder_.path() / name; }
  static bool isSame(const fs::path& one, const fs::path& other) {
    struct stat a {};
    struct stat b {};
    return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
  }
  HeldSpec mount(const fs::path& source, bool readOnly = true) const {
    ContainerSpec spec;
    spec.mounts = {{.source = source, .target = "/mnt", .readOnly = readOnly}};
    return policy_->hold(spec);
  }
  HeldSpec layer(const fs::path& folder) const {
    ContainerSpec spec;
    spec.layers = {folder};
    return policy_->hold(spec);
  }
  template <typename Body>
  static std::string refusal(Errc expected, const Body& body) {
    try {
      body();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
      return error.what();
    }
    return "it was allowed";
  }

  TemporaryFolder folder_;
  std::optional<PathPolicy> policy_;
};

TEST_F(PathPolicyTest, WhatIsAllowedIsHeld) {
  for (const char* name : {"data/builds/b", "data/builds/b/file", "srv", "srv/media", "srv/media/film"}) {
    const HeldSpec held = mount(at(name));
    EXPECT_TRUE(sandbox::isHeldPath(held.spec.mounts[0].source));
    EXPECT_TRUE(isSame(held.spec.mounts[0].source, at(name))) << name;
  }
  EXPECT_TRUE(isSame(layer(at("data/layers/one")).spec.layers[0], at("data/layers/one")));
}

TEST_F(PathPolicyTest, ALayerThatIsThereTwiceHasOneName) {
  ContainerSpec spec;
  spec.layers = {at("data/layers/one"), at("data/layers/one")};
  const HeldSpec held = policy_->hold(spec);
  EXPECT_EQ(held.spec.layers[0], held.spec.layers[1]);
  EXPECT_EQ(held.held.size(), 1u);
}

TEST_F(PathPolicyTest, WhatWasLookedAtIsWhatIsUsed) {
  const HeldSpec held = mount(at("data/builds/b"));
  fs::rename(at("data/builds/b"), at("data/builds/old"));
  fs::create_directory_symlink(at("etc"), at("data/builds/b"));
  EXPECT_TRUE(fs::exists(held.spec.mounts[0].source / "file"));
  EXPECT_FALSE(fs::exists(held.spec.mounts[0].source / "secret"));
}

TEST_F(PathPolicyTest, NothingElseIsMounted) {
  for (const char* name :
       {"data", "data/keys", "data/keys/key", "data/builds", "data/buildsx", "etc", "etc/secret", ""})
    EXPECT_THAT(refusal(Errc::permissionDenied, [&] { mount(at(name)); }), HasSubstr("volume_folders"))
        << name;
  for (const char* path : {"/", "/etc/shadow", "/proc/1/root", "/dev/sda"})
    EXPECT_THAT(refusal(Errc::permissionDenied, [&] { mount(path); }), HasSubstr("volume_folders")) << path;
}

TEST_F(PathPolicyTest, NothingElseIsALayer) {
  for (const char* name : {"data/builds/b", "data/layers", "etc", "srv/media", "ca.crt"})
    EXPECT_THAT(refusal(Errc::permissionDenied, [&] { layer(at(name)); }),
                HasSubstr("none of this server's"));
}

TEST_F(PathPolicyTest, NoSymlinkLeadsOut) {
  fs::create_directory_symlink(at("etc"), at("data/builds/link"));
  fs::create_directory_symlink(at("etc"), at("data/layers/link"));
  fs::create_directory_symlink(at("etc"), at("srv/media/link"));
  for (const char* name :
       {"data/builds/link", "data/builds/link/secret", "srv/media/link", "srv/media/link/secret"})
    EXPECT_THAT(refusal(Errc::permissionDenied, [&] { mount(at(name)); }), HasSubstr("symlink")) << name;
  EXPECT_THAT(refusal(Errc::permissionDenied, [&] { layer(at("data/layers/link")); }), HasSubstr("symlink"));
  // Nor one in the place of a folder of the server's own.
  fs::rename(at("data/builds"), at("data/away"));
  fs::create_directory_symlink(at("etc"), at("data/builds"));
  EXPECT_THAT(refusal(Errc::permissionDenied, [&] { mount(at("data/builds/secret")); }),
              HasSubstr("symlink"));
}

TEST_F(PathPolicyTest, AnOperatorsFileIsReadAndNotWritten) {
  EXPECT_EQ(mount(at("ca.crt")).spec.mounts[0].source, at("ca.crt"));
  EXPECT_THAT(refusal(Errc::permissionDenied, [&] { mount(at("ca.crt"), false); }),
              HasSubstr("volume_folders"));
}

TEST_F(PathPolicyTest, ChangesLieAmongWhatIsMounted) {
  ContainerSpec spec;
  spec.mounts = {
      {.source = at("srv/media"), .target = "/mnt", .readOnly = false, .changes = at("data/builds/b")}};
  EXPECT_TRUE(isSame(policy_->hold(spec).spec.mounts[0].changes, at("data/builds/b")));
  spec.mounts[0].changes = at("etc");
  EXPECT_THAT(refusal(Errc::permissionDenied, [&] { policy_->hold(spec); }), HasSubstr("changes"));
}

TEST_F(PathPolicyTest, WhatIsNotThereIsSaid) {
  EXPECT_THAT(refusal(Errc::invalidArgument, [&] { mount(at("data/builds/gone")); }),
              HasSubstr("does not exist"));
  EXPECT_THAT(refusal(Errc::notFound, [&] { layer(at("data/layers/gone")); }), HasSubstr("does not exist"));
}

TEST_F(PathPolicyTest, ATerminalHasToBeTheContainersUsers) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(master, 0);
  const base::Fd owned(master);
  ASSERT_EQ(::grantpt(master), 0);
  ASSERT_EQ(::unlockpt(master), 0);
  const fs::path path = ::ptsname(master);
  EXPECT_THAT(refusal(Errc::permissionDenied, [&] { mount(path, false); }), HasSubstr("terminal"));
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives a terminal away";
  const std::uint32_t user = sandbox::OciRuntimeConfig{}.userNamespaceBase + ContainerSpec{}.uid;
  ASSERT_EQ(::chown(path.c_str(), user, static_cast<gid_t>(-1)), 0);
  EXPECT_TRUE(isSame(mount(path, false).spec.mounts[0].source, path));
}

TEST_F(PathPolicyTest, ALogIsAFileAmongTheLogs) {
  policy_->holdLog(at("data/logs/app/web.1"));
  policy_->holdLog(at("data/logs/web.1"));
  std::ofstream(at("data/logs/app/web.2")) << "line\n";
  policy_->holdLog(at("data/logs/app/web.2"));
  fs::create_symlink(at("etc/secret"), at("data/logs/app/web.3"));
  fs::create_directory_symlink(at("etc"), at("data/logs/link"));
  for (const char* name :
       {"data/logs/app/web.3", "data/logs/link/secret", "data/keys/key", "etc/secret", "data/logs"})
    EXPECT_NE(refusal(Errc::permissionDenied, [&] { policy_->holdLog(at(name)); }), "it was allowed")
        << name;
}

}  // namespace
}  // namespace sandbox_test
