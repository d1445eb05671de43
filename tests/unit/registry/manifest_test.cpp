// Manifests, tags and referrers as clients push and delete them. (OCI distribution-spec, Pushing Manifests,
// Listing Referrers, Content Management.)
#include "store/account_store.h"
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kManifest = "application/vnd.oci.image.manifest.v1+json";
const std::string kIndex = "application/vnd.oci.image.index.v1+json";

std::string descriptor(const std::string& content) {
  return R"({"mediaType":"x/y","digest":")" + Digest::of(content).str() + R"(","size":)" +
         std::to_string(content.size()) + "}";
}

std::string image(const std::string& layer, const std::string& more = "") {
  return R"({"schemaVersion":2,"mediaType":")" + kManifest + R"(","config":)" + descriptor("{}") +
         R"(,"layers":[)" + descriptor(layer) + "]" + more + "}";
}

class ManifestTest : public RegistryTest {
 protected:
  void SetUp() override {
    for (const char* content : {"{}", "layer"})
      site_->push("hello", content);
  }
  Answer putManifest(const std::string& reference, const std::string& text,
                     const std::string& type = kManifest) {
    return site_->put("PUT", "/v2/hello/manifests/" + reference, text, {{"Content-Type", type}});
  }
  Answer get(const std::string& path) { return site_->ask("GET", "/v2/hello/" + path); }
  Answer remove(const std::string& path) { return site_->put("DELETE", "/v2/hello/" + path); }

  const std::string image_ = image("layer");
  const std::string digest_ = Digest::of(image_).str();
};

TEST_F(ManifestTest, PutsByTagAndByDigest) {
  const Answer answer = putManifest("v1.0", image_);
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.header("Location"), "/v2/hello/manifests/" + digest_);
  EXPECT_EQ(answer.header("Docker-Content-Digest"), digest_);
  EXPECT_EQ(answer.header("Warning"), "(none)");
  EXPECT_EQ(get("manifests/v1.0").body, image_);
  EXPECT_EQ(get("manifests/v1.0").header("Content-Type"), kManifest);
  const std::string other = image("layer", R"(,"more":1)");
  EXPECT_EQ(putManifest(Digest::of(other).str(), other).status(), 201);
  EXPECT_EQ(outcomeOf(putManifest(digest_, other)), "400 DIGEST_INVALID");
  EXPECT_EQ(outcomeOf(putManifest("sha256:bad", other)), "400 DIGEST_INVALID");
  EXPECT_EQ(outcomeOf(putManifest("-tag", other)), "400 TAG_INVALID");
  EXPECT_EQ(outcomeOf(putManifest(std::string(129, 'a'), other)), "400 TAG_INVALID");
}

TEST_F(ManifestTest, PutsSeveralTagsWithADigest) {
  const Answer answer = putManifest(digest_ + "?tag=one&tag=two", image_);
  EXPECT_EQ(answer.header("OCI-Tag"), "one, two");
  EXPECT_EQ(get("tags/list").body, R"({"name":"hello","tags":["one","two"]})");
  const std::string digest = Digest::of(image_, base::DigestAlgorithm::sha512).str();
  EXPECT_EQ(putManifest(digest + "?tag=two", image_).status(), 201);
  EXPECT_EQ(get("manifests/two").header("Docker-Content-Digest"), digest);
  EXPECT_EQ(get("manifests/" + digest).body, image_);
  EXPECT_EQ(outcomeOf(putManifest(digest_ + "?tag=-", image_)), "400 TAG_INVALID");
  std::string many = digest_ + "?tag=x";
  for (int i = 0; i < 100; ++i)
    many += "&tag=t" + std::to_string(i);
  EXPECT_EQ(outcomeOf(putManifest(many, image_)), "414 TAG_INVALID");
}

TEST_F(ManifestTest, RefusesWhatIsNoManifest) {
  EXPECT_EQ(outcomeOf(putManifest("x", "{")), "400 MANIFEST_INVALID");
  EXPECT_EQ(outcomeOf(putManifest("x", image_, kIndex)), "400 MANIFEST_INVALID");
  EXPECT_EQ(outcomeOf(putManifest("x", std::string((4 << 20) + 1, ' '))), "413 SIZE_INVALID");
  EXPECT_EQ(outcomeOf(get("tags/list")), "200");
  EXPECT_EQ(get("tags/list").body, R"({"name":"hello","tags":[]})");
}

TEST_F(ManifestTest, ChecksWhatTheManifestNames) {
  const std::string wrongSize = R"({"config":{"digest":")" + Digest::of("{}").str() + R"(","size":3}})";
  EXPECT_EQ(outcomeOf(putManifest("x", wrongSize)), "400 MANIFEST_INVALID");
  const Answer sparse = putManifest("sparse", image("absent"));
  EXPECT_EQ(sparse.status(), 201);
  EXPECT_THAT(sparse.header("Warning"), HasSubstr(Digest::of("absent").str()));
  site_.reset();
  site_ = std::make_unique<Site>(folder_.path(),
                                 RegistryOptions{.missingContent = store::MissingContent::refused});
  EXPECT_EQ(outcomeOf(putManifest("other", image("gone"))), "404 MANIFEST_BLOB_UNKNOWN");
  EXPECT_EQ(outcomeOf(get("manifests/other")), "404 MANIFEST_UNKNOWN");
  const std::string index = R"({"manifests":[)" + descriptor(image("gone")) + "]}";
  EXPECT_EQ(outcomeOf(putManifest("index", index, kIndex)), "404 MANIFEST_BLOB_UNKNOWN");
}

// Naming a blob in a manifest must not open it: its repository does not hold it.
TEST_F(ManifestTest, ShowsNoBlobThatIsOnlyNamed) {
  site_->push("secret/a", "key");
  EXPECT_EQ(putManifest("x", image("key")).status(), 201);
  EXPECT_EQ(outcomeOf(get("blobs/" + Digest::of("key").str())), "404 BLOB_UNKNOWN");
}

TEST_F(ManifestTest, ListsReferrers) {
  const std::string subject = ",\"subject\":" + descriptor("not there yet");
  const std::string path = "referrers/" + Digest::of("not there yet").str();
  const std::string first = image("layer", subject + R"(,"artifactType":"a/one","annotations":{"k":"v"})");
  const Answer put = putManifest(Digest::of(first).str(), first);
  EXPECT_EQ(put.header("OCI-Subject"), Digest::of("not there yet").str());
  putManifest("tagged", image("layer", subject + R"(,"artifactType":"a/two+json")"));
  const std::string index =
      R"({"schemaVersion":2,"mediaType":")" + kIndex + R"(","manifests":[])" + subject + "}";
  putManifest("index", index, kIndex);
  const Answer all = get(path);
  EXPECT_EQ(all.header("Content-Type"), kIndex);
  EXPECT_THAT(all.body, HasSubstr(R"(,"digest":")" + Digest::of(first).str() + R"(","size":)" +
                                  std::to_string(first.size()) +
                                  R"(,"artifactType":"a/one","annotations":{"k":"v"}})"));
  EXPECT_THAT(all.body, HasSubstr("a/two+json"));
  EXPECT_THAT(all.body, HasSubstr(kIndex + R"(","digest":")" + Digest::of(index).str()));
  EXPECT_EQ(all.header("OCI-Filters-Applied"), "(none)");
  const Answer filtered = get(path + "?artifactType=a%2Ftwo%2Bjson");
  EXPECT_EQ(filtered.header("OCI-Filters-Applied"), "artifactType");
  EXPECT_THAT(filtered.body, HasSubstr("a/two+json"));
  EXPECT_THAT(filtered.body, Not(HasSubstr("a/one")));
  EXPECT_EQ(remove("manifests/" + Digest::of(first).str()).status(), 202);
  EXPECT_THAT(get(path).body, Not(HasSubstr("a/one")));
}

TEST_F(ManifestTest, ListsManyReferrersInPages) {
  const std::string subject = ",\"subject\":" + descriptor("s") + R"(,"annotations":{"k":")";
  for (int i = 0; i < 3; ++i)
    putManifest("t" + std::to_string(i), image("layer", subject + std::string(2 << 20, "abc"[i]) + "\"}"));
  const Answer first = get("referrers/" + Digest::of("s").str());
  const std::string link = first.header("Link");
  EXPECT_THAT(link, HasSubstr(">; rel=\"next\""));
  std::size_t pages = 1;
  for (std::string next = link; next != "(none)"; ++pages)
    next = site_->ask("GET", next.substr(1, next.find('>') - 1)).header("Link");
  EXPECT_EQ(pages, 3u);
}

TEST_F(ManifestTest, Deletes) {
  putManifest("one", image_);
  putManifest("two", image_);
  EXPECT_EQ(remove("manifests/one").status(), 202);
  EXPECT_EQ(outcomeOf(get("manifests/one")), "404 MANIFEST_UNKNOWN");
  EXPECT_EQ(get("manifests/two").status(), 200);
  const std::string blob = "blobs/" + Digest::of("layer").str();
  EXPECT_EQ(outcomeOf(remove(blob)), "405 DENIED");
  EXPECT_EQ(remove("manifests/" + digest_).status(), 202);
  EXPECT_EQ(outcomeOf(get("manifests/two")), "404 MANIFEST_UNKNOWN");
  EXPECT_EQ(outcomeOf(remove("manifests/" + digest_)), "404 MANIFEST_UNKNOWN");
  EXPECT_EQ(outcomeOf(remove("manifests/two")), "404 MANIFEST_UNKNOWN");
  EXPECT_EQ(outcomeOf(remove("manifests/sha256:x")), "400 DIGEST_INVALID");
  EXPECT_EQ(remove(blob).status(), 202);
  EXPECT_EQ(outcomeOf(get(blob)), "404 BLOB_UNKNOWN");
  EXPECT_EQ(outcomeOf(remove(blob)), "404 BLOB_UNKNOWN");
  EXPECT_EQ(outcomeOf(remove("blobs/x")), "400 DIGEST_INVALID");
}

TEST_F(ManifestTest, KeepsWhatSaysWhatReleasesAre) {
  putManifest("v7", image_);
  store::AccountStore(site_->releases).createUser("ada", store::Role::member);
  const store::App app = site_->releases.createApp({store::AppName::parse("hello"), "debian-12", "ada"});
  EXPECT_EQ(outcomeOf(get("manifests/v7")), "404 MANIFEST_UNKNOWN");  // no release made it
  for (const char* tag : {"v1", "v12", "latest", "git-1a2b3c4d5e6f"}) {
    EXPECT_EQ(outcomeOf(putManifest(tag, image_)), "403 DENIED") << tag;
    EXPECT_EQ(outcomeOf(remove(std::string("manifests/") + tag)), "403 DENIED") << tag;
    EXPECT_EQ(outcomeOf(site_->put("PUT", std::string("/v2/hello/web/manifests/") + tag, image_)),
              "403 DENIED");
    EXPECT_EQ(site_->put("PUT", std::string("/v2/free/manifests/") + tag, image_).status(), 201) << tag;
  }
  EXPECT_EQ(outcomeOf(putManifest(digest_ + "?tag=latest", image_)), "403 DENIED");
  for (const char* tag : {"v", "v1.2", "vnext", "main", "1"})
    EXPECT_EQ(putManifest(tag, image_).status(), 201) << tag;
  EXPECT_EQ(outcomeOf(site_->put("PUT", "/v2/stacks/x/manifests/run", image_)), "403 DENIED");
  EXPECT_EQ(outcomeOf(site_->put("POST", "/v2/stacks/x/blobs/uploads/")), "403 DENIED");
  const std::string released = image("layer", R"(,"release":2)");
  site_->releases.createRelease({.app = app.id,
                                 .version = site_->releases.nextVersion(app.id),
                                 .config = {},
                                 .stack = "debian-12",
                                 .description = "Deploy",
                                 .user = "ada",
                                 .image = store::Manifest{Digest::of(released), kManifest, released, {}},
                                 .tags = {"v2", "latest"}});
  EXPECT_EQ(outcomeOf(remove("manifests/" + Digest::of(released).str())), "403 DENIED");
  EXPECT_EQ(get("manifests/v2").body, released);
  site_->releases.destroyApp(app.id);
  EXPECT_EQ(outcomeOf(get("tags/list")), "404 NAME_UNKNOWN");
}

}  // namespace
}  // namespace registry
