// A ReleaseStore in a folder of its own, and values to put into it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "store/account_store.h"
#include "store/release_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace store {

inline const std::string kCommit = "1a2b3c4d5e6f70819203a4b5c6d7e8f901234567";

inline Layer layerOf(const std::string& content) {
  return Layer{
      Descriptor{"application/vnd.oci.image.layer.v1.tar+gzip", Digest::of("gz" + content), content.size()},
      Digest::of(content)};
}

inline Manifest manifestOf(const std::string& content) {
  return Manifest{Digest::of(content),
                  "application/vnd.oci.image.manifest.v1+json",
                  content,
                  {{"application/vnd.oci.image.config.v1+json", Digest::of(content + "config"), 7},
                   layerOf(content).blob}};
}

/// The code of the Error that body() throws.
template <typename Body>
base::Errc codeOf(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::Errc::internal;
}

template <typename Body>
std::string messageOf(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { AccountStore(*store_).createUser("ada", Role::admin); }

  std::filesystem::path file() const { return folder_ / "fairlead.db"; }
  /// What lies on the disk: the database and its log.
  static std::string stored(const std::filesystem::path& database) {
    constexpr std::uint64_t kAll = 64u << 20;
    std::string all;
    for (const char* suffix : {"", "-wal"}) {
      const std::filesystem::path each = database.string() + suffix;
      if (std::filesystem::exists(each)) all += base::readFile(each, kAll);
    }
    return all;
  }
  void reopen() {
    store_.reset();
    store_ = std::make_unique<ReleaseStore>(file(), clock_);
  }
  App makeApp(const std::string& name = "hello") {
    return store_->createApp({AppName::parse(name), "debian-12", "ada"});
  }
  Slug makeSlug(const App& app, const std::string& content = "slug") {
    return store_->createSlug({.app = app.id,
                               .commit = kCommit,
                               .stack = "debian-12",
                               .buildpack = "python",
                               .layers = {layerOf(content + "1"), layerOf(content + "2")},
                               .processTypes = {{"web", "python app.py"}, {"worker", "python work.py"}},
                               .defaultConfig = {{"PYTHONUNBUFFERED", "1"}}});
  }
  Build makeBuild(const App& app) { return store_->createBuild({app.id, kCommit, "refs/heads/main", "ada"}); }
  NewRelease nextRelease(const App& app, const std::string& description = "Set FOO config vars") {
    return {.app = app.id,
            .version = store_->nextVersion(app.id),
            .config = {{"FOO", "bar"}},
            .stack = app.stack,
            .description = description,
            .user = "ada"};
  }
  /// What a push ends with: a build, its slug, and everything in one release.
  NewRelease nextDeploy(const App& app) {
    const Build build = makeBuild(app);
    store_->startBuild(build.id);
    NewRelease release = nextRelease(app, "Deploy 1a2b3c4");
    release.slug = makeSlug(app, "slug" + release.version.str()).id;
    release.image = manifestOf("image " + app.name.str() + release.version.str());
    release.tags = {release.version.str(), "latest", "git-1a2b3c4d5e6f"};
    release.succeededBuild = build.id;
    release.formation = Formation{{"web", 1}, {"worker", 0}};
    return release;
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  std::unique_ptr<ReleaseStore> store_ = std::make_unique<ReleaseStore>(file(), clock_);
};

}  // namespace store
