#include "builder/detail/slug_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace builder::detail {
namespace {

using base::TreeEntry;
using testing::ElementsAre;
using testing::IsEmpty;

/// A tree in words: files with their sizes; the folders above them come by themselves.
class Tree {
 public:
  Tree& file(const std::string& path, std::uint64_t bytes) {
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      entries_.emplace(
          path.substr(0, slash),
          TreeEntry{.path = path.substr(0, slash), .kind = TreeEntry::Kind::folder, .mode = 0755});
    entries_.emplace(path, TreeEntry{.path = path, .mode = 0644, .sizeBytes = bytes});
    return *this;
  }
  std::vector<TreeEntry> list() const {
    std::vector<TreeEntry> list;
    for (const auto& [path, entry] : entries_)
      list.push_back(entry);
    return list;
  }

 private:
  std::map<std::string, TreeEntry> entries_;
};

std::vector<std::string> names(const std::vector<SlugPart>& parts) {
  std::vector<std::string> found;
  for (const auto& part : parts)
    found.push_back(part.name);
  return found;
}

std::vector<std::string> paths(const SlugPart& part) {
  std::vector<std::string> found;
  for (const auto& entry : part.entries)
    found.push_back(entry.path);
  return found;
}

constexpr std::uint64_t kMiB = 1 << 20;

TEST(SlugPlan, ASmallAppIsOneLayer) {
  const auto parts = planSlug(Tree().file("index.html", 1000).file("css/a.css", 2000).list(), {"css"});
  ASSERT_THAT(names(parts), ElementsAre("app"));
  EXPECT_THAT(paths(parts[0]), ElementsAre("css", "css/a.css", "index.html"));
}

TEST(SlugPlan, AnEmptyTreeStillHasTheLastLayer) {
  const auto parts = planSlug({}, {});
  ASSERT_THAT(names(parts), ElementsAre("app"));
  EXPECT_THAT(parts[0].entries, IsEmpty());
}

TEST(SlugPlan, KeepsTheRuntimeAndTheDependenciesApart) {
  const auto parts = planSlug(Tree()
                                  .file(".heroku/node/bin/node", 100 * kMiB)
                                  .file(".heroku/env", 10)
                                  .file(".profile.d/node.sh", 100)
                                  .file("node_modules/koa/index.js", kMiB)
                                  .file("server.js", 300)
                                  .list(),
                              {});
  ASSERT_THAT(names(parts), ElementsAre(".heroku/node", "node_modules", "app"));
  EXPECT_THAT(paths(parts[0]),
              ElementsAre(".heroku", ".heroku/node", ".heroku/node/bin", ".heroku/node/bin/node"));
  EXPECT_THAT(paths(parts[1]), ElementsAre("node_modules", "node_modules/koa", "node_modules/koa/index.js"));
  EXPECT_THAT(paths(parts[2]),
              ElementsAre(".heroku", ".heroku/env", ".profile.d", ".profile.d/node.sh", "server.js"));
}

TEST(SlugPlan, FindsThePackagesInsideARuntime) {
  const auto parts = planSlug(Tree()
                                  .file(".heroku/python/lib/python3/os.py", kMiB)
                                  .file(".heroku/python/lib/python3/there/django/core.py", 2 * kMiB)
                                  .file(".heroku/python/lib/python3/there/django.dist-info/RECORD", 10)
                                  .list(),
                              {});
  ASSERT_THAT(names(parts), ElementsAre(".heroku/python", ".heroku/python/lib/python3/there", "app"));
  EXPECT_THAT(paths(parts[0]), ElementsAre(".heroku", ".heroku/python", ".heroku/python/lib",
                                           ".heroku/python/lib/python3", ".heroku/python/lib/python3/os.py"));
  EXPECT_EQ(parts[1].entries.back().path, ".heroku/python/lib/python3/there/django/core.py");
}

TEST(SlugPlan, WhatTheBuildMadeInAFolderOfTheSourceIsALayer) {
  const Tree tree = Tree()
                        .file("vendor/own.rb", 100)
                        .file("vendor/bundle/ruby/gem.rb", 2 * kMiB)
                        .file("public/video.mp4", 3 * kMiB);
  const auto parts = planSlug(tree.list(), {"vendor", "public"});
  ASSERT_THAT(names(parts), ElementsAre("vendor/bundle", "public", "app"));
  EXPECT_THAT(paths(parts[2]), ElementsAre("vendor", "vendor/own.rb"));
}

TEST(SlugPlan, TheNumberOfLayersIsBounded) {
  Tree tree;
  for (int i = 0; i < 30; ++i)
    tree.file("made" + std::to_string(i) + "/data", kMiB * static_cast<unsigned>(i + 1));
  for (int i = 0; i < 5; ++i)
    tree.file(".tools/t" + std::to_string(i) + "/data", kMiB);
  const auto parts = planSlug(tree.list(), {}, {.maxLayers = 8});
  EXPECT_THAT(names(parts),
              ElementsAre("runtime", "made27", "made28", "made29", "other heavy folders", "app"));
  std::size_t files = 0;
  for (const auto& part : parts) {
    for (const auto& entry : part.entries)
      files += entry.kind == TreeEntry::Kind::file ? 1 : 0;
  }
  EXPECT_EQ(files, 35u);
}

TEST(SlugPlan, LargeFilesAmongTheCodeAreApart) {
  const auto parts = planSlug(
      Tree().file("web", 3 * kMiB).file("src/data.bin", kMiB / 4).file("src/a.js", 10).list(), {"src"});
  ASSERT_THAT(names(parts), ElementsAre("src", "large files", "app"));
  EXPECT_THAT(paths(parts[1]), ElementsAre("web"));
  const auto light =
      planSlug(Tree().file("web", 3 * kMiB).file("a/b/data.bin", kMiB / 4 - 2048).list(), {"a", "a/b"});
  ASSERT_THAT(names(light), ElementsAre("large files", "app"));
  EXPECT_THAT(paths(light[1]), ElementsAre("a", "a/b", "a/b/data.bin"));
}

TEST(SlugPlan, ManySmallFilesWeighToo) {
  Tree tree;
  for (int i = 0; i < 1000; ++i)
    tree.file("made/" + std::to_string(i), 1);
  EXPECT_THAT(names(planSlug(tree.list(), {})), ElementsAre("made", "app"));
}

}  // namespace
}  // namespace builder::detail
