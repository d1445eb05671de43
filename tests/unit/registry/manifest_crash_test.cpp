// A process that is killed at any change of the disk while a manifest is put: the tag names the earlier image
// or the new one, whole, with its tags and its place among the referrers, and a second put completes it.
#include <sys/mman.h>

#include <atomic>
#include <new>

#include "tests/support/killer.h"
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kType = "application/vnd.oci.image.manifest.v1+json";

std::string descriptorOf(const std::string& content, const std::string& type) {
  return R"({"mediaType":")" + type + R"(","digest":")" + Digest::of(content).str() + R"(","size":)" +
         std::to_string(content.size()) + "}";
}

std::string manifest(const std::string& more) {
  return R"({"schemaVersion":2,"mediaType":")" + kType + R"(","config":)" + descriptorOf("{}", "x/y") +
         R"(,"layers":[)" + descriptorOf("layer", "x/y") + "]" + more + "}";
}

const std::string kBefore = manifest("");
const std::string kAfter = manifest(R"(,"subject":)" + descriptorOf(kBefore, kType));

int put(Site& site, const std::string& text, const std::string& tags) {
  return site
      .put("PUT", "/v2/hello/manifests/" + Digest::of(text).str() + tags, text, {{"Content-Type", kType}})
      .status();
}

void prepare(const std::filesystem::path& folder) {
  Site site(folder);
  for (const char* content : {"{}", "layer"})
    site.push("hello", content);
  ASSERT_EQ(put(site, kBefore, "?tag=latest"), 201);
}

/// All of the new one or nothing of it.
void expectWhole(Site& site, bool stored) {
  const auto get = [&](const std::string& path) { return site.ask("GET", "/v2/hello/" + path); };
  const Answer latest = get("manifests/latest");
  const std::string digest = Digest::of(kAfter).str();
  EXPECT_EQ(latest.body, stored ? kAfter : kBefore);
  EXPECT_EQ(latest.header("Docker-Content-Digest"), Digest::of(latest.body).str());
  EXPECT_EQ(get("manifests/" + Digest::of(kBefore).str()).body, kBefore);
  EXPECT_EQ(get("manifests/" + digest).status(), stored ? 200 : 404);
  EXPECT_EQ(get("tags/list").body, stored ? R"({"name":"hello","tags":["latest","next"]})"
                                          : R"({"name":"hello","tags":["latest"]})");
  const std::string referrers = get("referrers/" + Digest::of(kBefore).str()).body;
  if (stored) {
    EXPECT_THAT(referrers, HasSubstr(digest));
  } else {
    EXPECT_THAT(referrers, Not(HasSubstr(digest)));
  }
}

TEST(ManifestCrash, LeavesTheEarlierImageOrTheNewOneWhole) {
  if (!testing_support::canKill()) GTEST_SKIP() << "ptrace is not allowed here";
  void* memory =
      ::mmap(nullptr, sizeof(std::atomic<bool>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  int lost = 0;
  int kept = 0;
  for (int step = 1;; step += testing_support::kStride) {
    ASSERT_LT(step, 400);
    SCOPED_TRACE("step " + std::to_string(step));
    const testing_support::TempFolder folder;
    prepare(folder.path());
    auto* acknowledged = new (memory) std::atomic<bool>(false);
    const auto result = testing_support::runAndKill(step, [&] {
      Site site(folder.path());
      *acknowledged = put(site, kAfter, "?tag=latest&tag=next") == 201;
      return *acknowledged ? 0 : 1;
    });
    Site site(folder.path());
    const bool stored = site.ask("HEAD", "/v2/hello/manifests/" + Digest::of(kAfter).str()).status() == 200;
    EXPECT_TRUE(stored || !*acknowledged) << "acknowledged and lost";
    expectWhole(site, stored);
    EXPECT_EQ(put(site, kAfter, "?tag=latest&tag=next"), 201);
    expectWhole(site, true);
    if (!result.killed) {
      EXPECT_EQ(result.exitStatus, 0);
      break;
    }
    ++(stored ? kept : lost);
  }
  EXPECT_GT(lost, 3);
  EXPECT_GT(kept, 0);
  ::munmap(memory, sizeof(std::atomic<bool>));
}

}  // namespace
}  // namespace registry
