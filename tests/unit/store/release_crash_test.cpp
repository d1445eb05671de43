// A process that dies at any write or sync of createRelease: after reopening there is all of the release or
// nothing of it.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

/// SQLite's own file system, whose writes and syncs are counted; at the chosen one, half the bytes are
/// written and the process is gone.
class DyingFileSystem {
 public:
  /// For the whole process, for good: a child calls it and never returns from the test.
  static void install() {
    sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs dying = *real;
    realOpen_ = real->xOpen;
    dying.zName = "dying";
    dying.xOpen = &open;
    sqlite3_vfs_register(&dying, 1);
  }
  static void dieAtStep(int step) { stepsLeft_ = step; }

 private:
  struct Methods {
    sqlite3_io_methods changed;  // first: a file points to it
    const sqlite3_io_methods* original = nullptr;
  };

  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* outFlags) {
    const int code = realOpen_(vfs, name, file, flags, outFlags);
    if (code == SQLITE_OK && file->pMethods) file->pMethods = &changed(file->pMethods);
    return code;
  }
  static const sqlite3_io_methods& changed(const sqlite3_io_methods* original) {
    static std::array<Methods, 8> known;
    for (Methods& methods : known) {
      if (methods.original == original) return methods.changed;
      if (methods.original) continue;
      methods = {*original, original};
      methods.changed.xWrite = &write;
      methods.changed.xSync = &sync;
      return methods.changed;
    }
    ::_exit(99);
  }
  static const sqlite3_io_methods& original(sqlite3_file* file) {
    return *reinterpret_cast<const Methods*>(file->pMethods)->original;
  }
  static bool isTheStep() { return stepsLeft_ > 0 && --stepsLeft_ == 0; }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
    if (isTheStep()) {
      original(file).xWrite(file, bytes, count / 2, at);
      ::_exit(kDied);
    }
    return original(file).xWrite(file, bytes, count, at);
  }
  static int sync(sqlite3_file* file, int flags) {
    if (isTheStep()) ::_exit(kDied);
    return original(file).xSync(file, flags);
  }

 public:
  static constexpr int kDied = 17;

 private:
  static inline int (*realOpen_)(sqlite3_vfs*, sqlite3_filename, sqlite3_file*, int, int*) = nullptr;
  static inline int stepsLeft_ = 0;
};

class ReleaseCrashTest : public StoreTest {
 protected:
  /// True when the child died at the step, false when the release was made before it came to that many.
  bool dieInCreateRelease(const NewRelease& release, int step) {
    store_.reset();        // no connection may be open over a fork
    std::fflush(nullptr);  // else the child prints our buffer again
    const pid_t child = ::fork();
    if (child == 0) {
      DyingFileSystem::install();
      ReleaseStore store(file(), clock_);
      DyingFileSystem::dieAtStep(step);
      store.createRelease(release);
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DyingFileSystem::kDied) << status;
    reopen();
    return WEXITSTATUS(status) != 0;
  }
};

TEST_F(ReleaseCrashTest, LeavesAllOrNothing) {
  const App app = makeApp();
  const RepositoryName repository = RepositoryName::parse("hello");
  int died = 0;
  for (int step = 1;; ++step) {
    ASSERT_LT(step, 500);
    const NewRelease wanted = nextDeploy(app);
    const bool dead = dieInCreateRelease(wanted, step);
    died += dead ? 1 : 0;

    const bool made = store_->nextVersion(app.id) > wanted.version;
    SCOPED_TRACE("step " + std::to_string(step) + (made ? ", made" : ", not made"));
    EXPECT_TRUE(made || dead) << "acknowledged and lost";
    const auto latest = store_->findManifestByTag(repository, "latest");
    EXPECT_EQ(store_->releases(app.id, 1).front().version,
              made ? wanted.version : ReleaseVersion{wanted.version.number - 1});
    EXPECT_EQ(latest && latest->digest == wanted.image->digest, made);
    EXPECT_EQ(bool(store_->findManifest(repository, wanted.image->digest)), made);
    EXPECT_EQ(bool(store_->findManifestByTag(repository, wanted.version.str())), made);
    EXPECT_EQ(store_->getBuild(*wanted.succeededBuild).state,
              made ? BuildState::succeeded : BuildState::building);
    EXPECT_EQ(store_->formation(app.id).empty(), store_->nextVersion(app.id).number == 2);
    store_->failInterruptedBuilds();
    if (!dead) break;
  }
  EXPECT_GT(died, 3);
}

}  // namespace
}  // namespace store
