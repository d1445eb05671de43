// What the registry refuses for want of room, and what it counts.
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMoreThanAnyDisk = std::uint64_t{1} << 62;
const Headers kManifest = {{"Content-Type", "application/vnd.oci.image.manifest.v1+json"}};
const std::string kEmptyImage =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b",)"
    R"("digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]})";

TEST(Room, IsKeptOnTheDisk) {
  const testing_support::TempFolder folder;
  std::string upload;
  Digest layer = Digest::of("layer");
  {
    Site site(folder.path());
    site.push("hello", "layer");
    upload = site.begin("hello");
  }
  Site site(folder.path(), {.minFreeBytes = kMoreThanAnyDisk});
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"POST", "/v2/hello/blobs/uploads/"},
           {"POST", "/v2/hello/blobs/uploads/?digest=" + layer.str()},
           {"PATCH", upload},
           {"PUT", upload + "?digest=" + layer.str()},
           {"PUT", "/v2/hello/manifests/v7"}}) {
    const Answer answer = site.put(method, path, "layer");
    EXPECT_EQ(outcomeOf(answer), "507 UNAVAILABLE") << method << path;
    EXPECT_THAT(answer.body, HasSubstr("disk_min_free_bytes"));
  }
  EXPECT_EQ(site.ask("GET", "/v2/hello/blobs/" + layer.str()).body, "layer");
  EXPECT_EQ(site.put("DELETE", "/v2/hello/blobs/" + layer.str()).status(), 202);
}

TEST(Room, IsLookedAtWhileABodyComes) {
  const testing_support::TempFolder folder;
  Site site(folder.path());
  const auto hello = RepositoryName::parse("hello");
  const auto upload = site.uploads.open(hello, site.uploads.begin(hello, base::DigestAlgorithm::sha256));
  site.uploads.setLimits({.minFreeBytes = kMoreThanAnyDisk});
  const std::string piece(8u << 20, 'x');
  std::size_t taken = 0;
  try {
    for (; taken < 20; ++taken)
      upload->append(piece);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::diskFull);
    EXPECT_THAT(error.what(), HasSubstr("disk_min_free_bytes"));
  }
  EXPECT_LT(taken, 10u);
}

TEST(RegistryMetrics, CountsRequestsBytesRefusalsAndUploads) {
  const testing_support::TempFolder folder;
  Site site(folder.path());
  site.push("hello", std::string(1000, 'x'));
  const std::string upload = site.begin("hello");
  EXPECT_EQ(site.put("PATCH", upload, "12345").status(), 202);
  EXPECT_EQ(site.put("PUT", "/v2/hello/manifests/v7", kEmptyImage, kManifest).status(), 201);
  EXPECT_EQ(site.ask("GET", "/v2/hello/blobs/" + Digest::of(std::string(1000, 'x')).str()).status(), 200);
  EXPECT_EQ(site.ask("GET", "/v2/hello/manifests/absent").status(), 404);
  EXPECT_EQ(site.ask("PUT", "/v2/hello/manifests/v7", {}, "x").status(), 401);
  const std::string text = site.metrics.text();
  for (const std::string line :
       {"fairlead_registry_bytes_total{direction=\"out\"} 1000\n",
        "fairlead_registry_refusals_total{code=\"MANIFEST_UNKNOWN\"} 1\n",
        "fairlead_registry_refusals_total{code=\"UNAUTHORIZED\"} 1\n", "fairlead_registry_open_uploads 1\n",
        "fairlead_registry_request_seconds_count{operation=\"pull_blob\"} 1\n",
        "fairlead_registry_request_seconds_count{operation=\"upload_begin\"} 2\n",
        "fairlead_registry_request_seconds_count{operation=\"upload_chunk\"} 1\n",
        "fairlead_registry_push_seconds_count{phase=\"receive\"} 2\n",
        "fairlead_registry_push_seconds_count{phase=\"commit\"} 3\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, HasSubstr("fairlead_registry_bytes_total{direction=\"in\"} " +
                              std::to_string(1005 + kEmptyImage.size()) + "\n"));
}

}  // namespace
}  // namespace registry
