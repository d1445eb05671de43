#include "registry/detail/manifest_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace registry::detail {
namespace {

using store::Digest;
using ::testing::HasSubstr;

const std::string kManifest = "application/vnd.oci.image.manifest.v1+json";
const std::string kIndex = "application/vnd.oci.image.index.v1+json";

std::string descriptor(const std::string& content, const std::string& more = "") {
  return R"({"mediaType":"x/y","digest":")" + Digest::of(content).str() + R"(","size":)" +
         std::to_string(content.size()) + more + "}";
}

std::string image(const std::string& more = "") {
  return R"({"schemaVersion":2,"config":)" + descriptor("config") + R"(,"layers":[)" + descriptor("a") + "," +
         descriptor("bc") + "]" + more + "}";
}

store::PushedManifest parse(const std::string& text, const std::string& contentType = "") {
  return parseManifest(text, contentType, base::DigestAlgorithm::sha256);
}

TEST(ManifestJson, ReadsAnImage) {
  const std::string text = image(R"(,"unknown":{"a":[1,null]},"annotations":{"k":"v"})");
  const auto pushed = parse(text, kManifest + "; charset=utf-8");
  EXPECT_EQ(pushed.manifest.mediaType, kManifest);
  EXPECT_EQ(pushed.manifest.bytes, text);
  EXPECT_EQ(pushed.manifest.digest, Digest::of(text));
  ASSERT_EQ(pushed.manifest.blobs.size(), 3u);
  EXPECT_EQ(pushed.manifest.blobs[2].digest, Digest::of("bc"));
  EXPECT_EQ(pushed.manifest.blobs[2].sizeBytes, 2u);
  EXPECT_TRUE(pushed.children.empty());
  EXPECT_FALSE(pushed.subject);
  EXPECT_EQ(parseManifest(text, "", base::DigestAlgorithm::sha512).manifest.digest.algorithm(),
            base::DigestAlgorithm::sha512);
}

TEST(ManifestJson, ReadsAnIndex) {
  const std::string text =
      R"({"schemaVersion":2,"manifests":[)" + descriptor("a") + "," + descriptor("b") + "]}";
  const auto pushed = parse(text);
  EXPECT_EQ(pushed.manifest.mediaType, kIndex);
  EXPECT_EQ(pushed.children, (std::vector<Digest>{Digest::of("a"), Digest::of("b")}));
  EXPECT_EQ(pushed.artifactType, "");
  EXPECT_TRUE(parse(R"({"manifests":[]})").children.empty());
}

TEST(ManifestJson, ReadsWhatReferrersAreListedWith) {
  const std::string subject = ",\"subject\":" + descriptor("missing");
  const auto plain = parse(image(subject + R"(,"annotations":{"k":"v"})"));
  EXPECT_EQ(plain.subject, Digest::of("missing"));
  EXPECT_EQ(plain.artifactType, "x/y");  // the config's type
  EXPECT_EQ(plain.annotations, R"({"k":"v"})");
  EXPECT_EQ(parse(image(subject + R"(,"artifactType":"a/b")")).artifactType, "a/b");
}

TEST(ManifestJson, LeavesOutWhatStaysElsewhere) {
  const std::string layers =
      R"({"config":)" + descriptor("config") + R"(,"layers":[)" +
      descriptor("a", R"(,"urls":["https://x/"])") +
      R"(,{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":")" +
      Digest::of("b").str() + R"(","size":9}]})";
  EXPECT_EQ(parse(layers).manifest.blobs.size(), 1u);
}

TEST(ManifestJson, ChecksEmbeddedContent) {
  const auto with = [](const std::string& data) {
    return R"({"config":)" + descriptor("{}", R"(,"data":")" + data + "\"") + "}";
  };
  EXPECT_EQ(parse(with("e30=")).manifest.blobs.size(), 1u);
  EXPECT_THROW(parse(with("W10=")), base::Error);
  EXPECT_THROW(parse(with("%%%%")), base::Error);
}

TEST(ManifestJson, RefusesWithASentence) {
  const std::string config = R"({"config":)" + descriptor("c");
  const std::pair<std::string, const char*> rows[] = {
      {"", "JSON"},
      {"[]", "not a JSON object"},
      {"{\"config\":", "JSON"},
      {"{}", "no descriptor at config"},
      {R"({"config":{}})", "no valid digest"},
      {R"({"config":{"digest":"sha256:1","size":1}})", "no valid digest"},
      {R"({"config":{"digest":")" + Digest::of("").str() + R"("}})", "no valid size"},
      {R"({"config":{"digest":")" + Digest::of("").str() + R"(","size":-1}})", "no valid size"},
      {R"({"config":{"digest":")" + Digest::of("").str() + R"(","size":1.5}})", "no valid size"},
      {R"({"config":{"digest":")" + Digest::of("").str() + R"(","size":18446744073709551615}})",
       "no valid size"},
      {R"({"config":{"digest":")" + Digest::of("").str() + R"(","size":99999999999999999999}})", "JSON"},
      {R"({"config":{"digest":5,"size":1}})", "digest"},
      {config + R"(,"layers":{}})", "no list"},
      {config + R"(,"layers":[5]})", "layers[0]"},
      {config + R"(,"manifests":[]})", "an image and an index at once"},
      {R"({"mediaType":")" + kIndex + R"(","manifests":[],"layers":[]})", "an image and an index at once"},
      {config + R"(,"schemaVersion":1})", "schemaVersion"},
      {config + R"(,"mediaType":"text/plain"})", "not known here"},
      {config + R"(,"mediaType":5})", "mediaType"},
      {config + R"(,"subject":"x"})", "no descriptor at subject"},
      {config + R"(,"subject":)" + descriptor("s") + R"(,"annotations":{"k":1}})", "no string"},
      {config + R"(,"subject":)" + descriptor("s") + R"(,"annotations":[]})", "no object"},
  };
  for (const auto& [text, words] : rows) {
    try {
      parse(text);
      ADD_FAILURE() << text;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::invalidArgument) << text;
      EXPECT_THAT(error.what(), HasSubstr(words)) << text;
    }
  }
  EXPECT_THROW(parse(image(",\"mediaType\":\"" + kManifest + "\""), kIndex), base::Error);
}

}  // namespace
}  // namespace registry::detail
