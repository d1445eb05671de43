// What bounds a build's disk and its slug.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "builder/detail/disk_watch.h"
#include "builder/detail/proxy_hosts.h"
#include "builder/detail/slug_tree.h"
#include "tests/support/own_trees.h"
#include "tests/support/temp_folder.h"

namespace builder::detail {
namespace {

using testing::HasSubstr;

std::string failure(const std::optional<BuildStop>& stop) {
  const auto* failed = stop ? std::get_if<BuildFailed>(&*stop) : nullptr;
  return failed != nullptr ? failed->reason : "";
}

bool endsSoon(const std::stop_source& end) {
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  while (!end.stop_requested() && std::chrono::steady_clock::now() < last)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return end.stop_requested();
}

TEST(DiskWatch, EndsThePhaseThatWritesTooMuch) {
  const testing_support::TempFolder folder;
  test::OwnTrees trees;
  DiskWatch watch({.watched = folder.path()}, trees, {.maxBytes = 8u << 20, .minFreeBytes = 0});
  const std::stop_source end;
  const DiskWatch::Phase phase(watch, end, nullptr);
  folder.write("small", std::string(1 << 20, 'x'));
  EXPECT_EQ(watch.verdict(), std::nullopt);
  folder.write("deep/large", std::string(16 << 20, 'x'));
  EXPECT_TRUE(endsSoon(end));
  EXPECT_THAT(watch.verdict().value_or(""), HasSubstr("setting build_disk_bytes"));
}

TEST(DiskWatch, CountsWhatHasNoName) {
  const testing_support::TempFolder folder;
  test::OwnTrees trees;
  DiskWatch watch({.watched = folder.path()}, trees, {.maxBytes = 8u << 20, .minFreeBytes = 0});
  const std::stop_source end;
  const DiskWatch::Phase phase(watch, end, [](dev_t) { return 9ull << 20; });
  EXPECT_TRUE(endsSoon(end));
}

TEST(DiskWatch, KeepsTheServersDiskFromFilling) {
  const testing_support::TempFolder folder;
  test::OwnTrees trees;
  DiskWatch watch({.watched = folder.path()}, trees, {.maxBytes = UINT64_MAX, .minFreeBytes = UINT64_MAX});
  const std::stop_source end;
  {
    const DiskWatch::Phase phase(watch, end, nullptr);
    EXPECT_TRUE(endsSoon(end));
  }
  EXPECT_THAT(watch.verdict().value_or(""), HasSubstr("setting disk_min_free_bytes"));
}

/// A tree that takes as long to measure as nobody stops it.
class EndlessTrees : public test::OwnTrees {
 public:
  std::uint64_t diskBytes(const std::filesystem::path&, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    begun_ = true;
    changed_.notify_all();
    stopped_ = !changed_.wait_for(lock, stop, std::chrono::seconds(20), [] { return false; }) &&
               stop.stop_requested();
    return 0;
  }
  bool awaitBegin() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return begun_; });
  }
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool begun_ = false;
  bool stopped_ = false;
};

TEST(DiskWatch, AMeasuringUnderWayEndsWithIt) {
  const testing_support::TempFolder folder;
  EndlessTrees trees;
  {
    DiskWatch watch({.watched = folder.path()}, trees, {.maxBytes = 8u << 20, .minFreeBytes = 0});
    const DiskWatch::Phase phase(watch, std::stop_source(), nullptr);
    ASSERT_TRUE(trees.awaitBegin());
  }
  EXPECT_TRUE(trees.stopped()) << "the build's end waited for it";
}

std::optional<BuildStop> refused(const testing_support::TempFolder& folder, const BuildLimits& limits) {
  test::OwnTrees trees;
  LentTree lent(folder.path(), trees);
  const auto tree = readSlugTree(lent, limits, {});
  const auto* stop = std::get_if<BuildStop>(&tree);
  return stop ? std::optional(*stop) : std::nullopt;
}

TEST(SlugTree, IsNotReadBeyondItsLimits) {
  const testing_support::TempFolder folder;
  BuildLimits limits;
  folder.write("a/b", "text");
  EXPECT_EQ(refused(folder, limits), std::nullopt);
  limits.slugFiles = 1;
  EXPECT_THAT(failure(refused(folder, limits)), HasSubstr("setting slug_max_files"));
  limits.slugFiles = 100;
  ASSERT_EQ(::truncate(folder.write("hole", "").c_str(), 10ll << 30), 0);
  EXPECT_THAT(failure(refused(folder, limits)), HasSubstr("more than 4.0G (setting slug_max_expanded_bytes"));
}

TEST(ProxyHosts, AreTakenFromTheVariables) {
  const auto hosts = proxyHosts({{"HTTP_PROXY", "http://user:p@ss@Proxy.example:3128/"},
                                 {"http_proxy", "http://proxy.example:3128"},
                                 {"https_proxy", "https://tls.example"},
                                 {"all_proxy", "10.0.0.1:8080"},
                                 {"no_proxy", "other.example"},
                                 {"ALL_PROXY", "http://bad:port/"}});
  using sandbox::AllowedHost;
  EXPECT_THAT(hosts, testing::ElementsAre(AllowedHost{.name = "proxy.example", .port = 3128},
                                          AllowedHost{.name = "tls.example", .port = 443},
                                          AllowedHost{.name = "10.0.0.1", .port = 8080}));
}

}  // namespace
}  // namespace builder::detail
