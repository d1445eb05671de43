// Whose the files of a build are, and what the daemon can do with those that are not its own.
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "builder/detail/trash.h"
#include "tests/unit/builder/build_fixture.h"

namespace builder {
namespace {

uid_t ownerOf(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_uid;
}

unsigned modeOf(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

void writeFile(const fs::path& path, const std::string& text, unsigned mode) {
  fs::create_directories(path.parent_path());
  base::writeAll(base::openFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), text);
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

class LentFilesTest : public BuildTest {
 protected:
  /// What the containers do; detection is answered.
  void onPhase(const std::string& name, std::function<void(const ContainerSpec&)> work) {
    phases_[name] = std::move(work);
    runtime.onRun([this](const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions&) {
      if (phaseOf(spec) == "detect") out.write("0\nX\n");
      if (const auto known = phases_.find(phaseOf(spec)); known != phases_.end()) known->second(spec);
      return RunResult{};
    });
  }

 private:
  std::map<std::string, std::function<void(const ContainerSpec&)>> phases_;
};

TEST_F(LentFilesTest, ContainersHaveWhatTheyWriteAndNoMore) {
  source("lib/file", "x");
  fs::create_symlink("nowhere", input.source / "lib/link");
  input.config = {{"KEY", "value"}};
  onPhase("compile", [&](const ContainerSpec& spec) {
    const auto user = daemon.hostId(1000);
    const auto root = daemon.hostId(0);
    const fs::path build = mountAt(spec, spec.argv.at(4));
    for (const char* name : {"", "lib", "lib/file", "lib/link"})
      EXPECT_EQ(ownerOf(build / name), user) << name;
    EXPECT_EQ(ownerOf(mountAt(spec, "/app")), user);
    EXPECT_EQ(ownerOf(mountAt(spec, spec.argv.at(5))), user);
    EXPECT_EQ(ownerOf(mountAt(spec, spec.workingDirectory) / "bin/compile"), user);
    const fs::path tmp = mountAt(spec, "/tmp");
    EXPECT_EQ(ownerOf(tmp), root);
    EXPECT_EQ(ownerOf(mountAt(spec, "/var/tmp")), root);
    const fs::path env = mountAt(spec, spec.argv.at(6));
    EXPECT_EQ(ownerOf(env), root);
    EXPECT_EQ(ownerOf(env / "KEY"), root);
    EXPECT_EQ(base::readFile(env / "KEY"), "value");
    EXPECT_EQ(modeOf(env / "KEY"), 0640u);
    // Where the other mounts are is not the build's to change.
    const fs::path place = tmp / spec.argv.at(4).substr(5);
    EXPECT_EQ(ownerOf(place), daemon.id());
    if (daemon.isReal()) {
      EXPECT_NE(::rmdir(place.c_str()), 0);
      EXPECT_NE(::rename(place.c_str(), (tmp / "mine").c_str()), 0);
    }
  });
  succeed();
}

TEST_F(LentFilesTest, WhatABuildClosedToOthersIsInTheSlugAsItIs) {
  source("file", "x");
  onPhase("compile", [](const ContainerSpec& spec) {
    const fs::path build = mountAt(spec, spec.argv.at(4));
    writeFile(build / "Procfile", "web: closed\n", 0600);
    writeFile(build / "private/inner/own", "own", 0600);
    writeFile(build / "private/none", "none", 0);
    writeFile(build / "shut/in", "in", 0644);
    ASSERT_EQ(::chmod((build / "private/inner").c_str(), 0711), 0);
    ASSERT_EQ(::chmod((build / "private").c_str(), 0700), 0);
    ASSERT_EQ(::chmod((build / "shut").c_str(), 0), 0);
    ASSERT_EQ(::chmod(build.c_str(), 0500), 0);
  });
  const auto result = succeed();
  EXPECT_THAT(result.processTypes, ElementsAre(Pair("web", "closed")));
  ASSERT_EQ(result.layers.size(), 1u);
  base::unpackTar(*blobs.open(result.layers[0].blob.digest), folder.path(), {.keepOwners = false});
  for (const auto& [name, mode] : std::map<std::string, unsigned>{{"Procfile", 0600},
                                                                  {"file", 0644},
                                                                  {"private", 0700},
                                                                  {"private/inner", 0711},
                                                                  {"private/inner/own", 0600},
                                                                  {"private/none", 0},
                                                                  {"shut", 0}})
    EXPECT_EQ(modeOf(folder / ("app/" + name)), mode) << name;
  fs::permissions(folder / "app/shut", fs::perms(0700));
  EXPECT_EQ(folder.read("app/shut/in"), "in");
  EXPECT_EQ(folder.read("app/private/inner/own"), "own");
  EXPECT_FALSE(fs::exists(config.workFolder / input.id));
}

TEST_F(LentFilesTest, AnUploadedTreeMayBeClosedToItsOwner) {
  folder.write("builds/tree/file", "text");
  folder.write("builds/tree/shut/in", "in");
  fs::permissions(folder / "builds/tree/file", fs::perms(0));
  fs::permissions(folder / "builds/tree/shut", fs::perms(0));
  PackOutcome packedTree = BuildCancelled{};
  daemon.run(folder, [&] {
    // Beside the work folder, which a builder empties when it is made.
    config.workFolder = folder / "others";
    fs::create_directory(config.workFolder);
    Builder builder(config, runtime, daemon.trees(), blobs, packed);
    packedTree = builder.packFolder(folder / "builds/tree", input.limits, {});
  });
  const auto* layers = std::get_if<std::vector<store::Layer>>(&packedTree);
  ASSERT_NE(layers, nullptr);
  base::unpackTar(*blobs.open(layers->at(0).blob.digest), folder.path(), {.keepOwners = false});
  EXPECT_EQ(modeOf(folder / "app/file"), 0u);
  EXPECT_EQ(modeOf(folder / "app/shut"), 0u);
}

TEST_F(LentFilesTest, ACacheWhoseFolderIsClosedIsKeptAndReplaced) {
  std::string text = "first";
  onPhase("compile", [&](const ContainerSpec& spec) {
    const fs::path cache = mountAt(spec, spec.argv.at(5));
    writeFile(cache / "deep/file", text, 0600);
    ASSERT_EQ(::chmod((cache / "deep").c_str(), 0), 0);
    ASSERT_EQ(::chmod(cache.c_str(), 0500), 0);
  });
  input.useCache = false;
  succeed();
  const fs::path deep = input.cache / "deep";
  EXPECT_EQ(base::readFile(deep / "file"), "first");
  EXPECT_EQ(ownerOf(deep), daemon.hostId(1000));
  text = "second";
  succeed();
  EXPECT_EQ(base::readFile(deep / "file"), "second");
}

TEST_F(LentFilesTest, TheTrashTakesWhatIsTheContainers) {
  folder.write("work/build/file", "x");
  folder.write("work/cache/file", "x");
  fs::permissions(folder / "work/cache", fs::perms(0500));
  daemon.run(folder, [&] {
    for (const char* name : {"work/build/file", "work/cache"})
      daemon.trees().give(folder / name, {.uid = 1000, .gid = 1000}, sandbox::ForeignTrees::Depth::whole);
    detail::Trash trash(folder / "work/.trash", daemon.trees());
    trash.take(folder / "work/build");
    trash.take(folder / "work/cache");
    trash.take(folder / "work/nothing");
    EXPECT_FALSE(fs::exists(folder / "work/cache"));
    trash.wait();
    EXPECT_TRUE(fs::is_empty(trash.folder()));
  });
}

TEST_F(LentFilesTest, WhatABuildChangedInTheCacheIsMerged) {
  folder.write("cache/hello/old", "kept");
  folder.write("cache/hello/changed", "before");
  onPhase("compile", [&](const ContainerSpec& spec) {
    const fs::path cache = mountAt(spec, spec.argv.at(5));
    writeFile(cache / "new/file", "new", 0600);
    fs::remove(cache / "changed");
    writeFile(cache / "changed", "after", 0600);
  });
  succeed();
  EXPECT_EQ(folder.read("cache/hello/old"), "kept");
  EXPECT_EQ(folder.read("cache/hello/changed"), "after");
  EXPECT_EQ(folder.read("cache/hello/new/file"), "new");
  EXPECT_EQ(ownerOf(input.cache / "new/file"), daemon.hostId(1000));
  EXPECT_EQ(ownerOf(input.cache), daemon.id());
}

TEST_F(LentFilesTest, ACacheThatIsTheContainersCanBeReplacedAndThrownAway) {
  for (const char* left : {"cache/hello", "cache/hello~"}) {
    folder.write(std::string(left) + "/file", "old");
    daemon.run(folder, [&] {
      daemon.trees().give(folder / left, {.uid = 1000, .gid = 1000}, sandbox::ForeignTrees::Depth::whole);
    });
  }
  input.useCache = false;
  onPhase("compile", [&](const ContainerSpec& spec) {
    writeFile(mountAt(spec, spec.argv.at(5)) / "file", "new", 0644);
  });
  succeed();
  EXPECT_EQ(folder.read("cache/hello/file"), "new");
  folder.write("cache/hello~/other", "of an app that was destroyed");
  base::removeTree(folder / "cache/hello");
  daemon.run(folder, [&] {
    daemon.trees().give(folder / "cache/hello~", {.uid = 1000, .gid = 1000},
                        sandbox::ForeignTrees::Depth::whole);
  });
  succeed();
  EXPECT_FALSE(fs::exists(folder / "cache/hello~"));
}

TEST_F(LentFilesTest, SubmodulesFilesCanBeIgnored) {
  source(".slugignore", "*.psd\n");
  input.submodules = {{"lib/a", std::string(40, 'b')}};
  onPhase("submodules", [](const ContainerSpec& spec) {
    writeFile(mountAt(spec, spec.workingDirectory) / "lib/a/b.psd", "x", 0600);
    writeFile(mountAt(spec, spec.workingDirectory) / "lib/a/kept", "x", 0600);
  });
  onPhase("compile", [&](const ContainerSpec& spec) {
    const fs::path build = mountAt(spec, spec.argv.at(4));
    EXPECT_FALSE(fs::exists(build / "lib/a/b.psd"));
    EXPECT_EQ(base::readFile(build / "lib/a/kept"), "x");
    EXPECT_EQ(ownerOf(build / "lib/a/kept"), daemon.hostId(1000));
  });
  succeed();
}

TEST_F(LentFilesTest, ABuildpackThatClosesItselfIsAskedForItsReport) {
  onPhase("compile", [](const ContainerSpec& spec) {
    ASSERT_EQ(::chmod((mountAt(spec, spec.workingDirectory) / "bin").c_str(), 0700), 0);
    ASSERT_EQ(::chmod(mountAt(spec, spec.workingDirectory).c_str(), 0700), 0);
  });
  succeed();
  EXPECT_EQ(phaseOf(phase("report")), "report");
}

TEST_F(LentFilesTest, ASourceThatWasFetchedIsTheDaemonsWhateverItsMode) {
  onPhase("source",
          [](const ContainerSpec& spec) { writeFile(mountAt(spec, "/tmp") / "source.tar", "bytes", 0); });
  const SourceFetch fetch{.url = "https://example.org/a.tgz", .target = folder / "source.tar", .maxBytes = 9};
  asDaemon([&](Builder& builder) {
    EXPECT_FALSE(builder.fetchSource(input, fetch, output, {})) << output.text;
    EXPECT_EQ(base::readFile(fetch.target), "bytes");
  });
  EXPECT_EQ(ownerOf(fetch.target), daemon.id());
  EXPECT_EQ(modeOf(fetch.target), 0600u);

  fs::create_directories(input.source);
  onPhase("source", [&](const ContainerSpec& spec) {
    fs::create_symlink(fetch.target, mountAt(spec, "/tmp") / "source.tar");
  });
  asDaemon([&](Builder& builder) {
    const auto stopped = builder.fetchSource(input, fetch, output, {});
    ASSERT_TRUE(stopped);
    EXPECT_EQ(std::get<BuildFailed>(*stopped).reason, "Fetching the source failed: nothing came");
  });
}

}  // namespace
}  // namespace builder
