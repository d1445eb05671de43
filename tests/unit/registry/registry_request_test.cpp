#include "registry/detail/registry_request.h"

#include <gtest/gtest.h>

namespace registry::detail {
namespace {

using Kind = RegistryRequest::Kind;

struct Row {
  const char* uri;
  Kind kind;
  const char* repository = "";
  const char* reference = "";
};

TEST(RegistryRequest, ReadsPaths) {
  const Row rows[] = {
      {"/v2", Kind::version},
      {"/v2/", Kind::version},
      {"/v2/?x=y", Kind::version},
      {"/v2/_catalog", Kind::catalog},
      {"/v2/hello/tags/list", Kind::tags, "hello"},
      {"/v2/stacks/debian-12/tags/list?n=1", Kind::tags, "stacks/debian-12"},
      {"/v2/hello/manifests/v2", Kind::manifest, "hello", "v2"},
      {"/v2/hello/manifests/sha256%3Aab", Kind::manifest, "hello", "sha256:ab"},
      {"/v2/a%2Fb/blobs/x", Kind::blob, "a/b", "x"},
      {"/v2/manifests/manifests/manifests", Kind::manifest, "manifests", "manifests"},
      {"/v2/a/tags/list/manifests/b", Kind::manifest, "a/tags/list", "b"},
      {"/v2/hello/referrers/x", Kind::referrers, "hello", "x"},
      {"/v2//manifests/x", Kind::manifest, "", "x"},
      {"/v2/manifests/x", Kind::manifest, "", "x"},
      {"/v2/tags/list", Kind::tags, ""},
      {"/v2/hello/manifests/", Kind::manifest, "hello", ""},
      {"/v2/hello", Kind::unknown},
      {"/v2x/hello/manifests/x", Kind::unknown},
      {"/v2/hello/blobs/uploads/1", Kind::upload, "hello", "1"},
      {"/v2/hello/blobs/uploads/", Kind::uploads, "hello"},
      {"/v2/a/b/blobs/uploads", Kind::uploads, "a/b"},
      {"/v2/blobs/uploads/", Kind::uploads, ""},
      {"/v2//blobs/uploads/", Kind::uploads, ""},
      {"/v2/a/blobs/uploads/manifests/b", Kind::manifest, "a/blobs/uploads", "b"},
      {"/other", Kind::unknown},
      {"", Kind::unknown},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.uri);
    const auto request = parseRegistryRequest(row.uri);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->kind, row.kind);
    if (row.kind == Kind::unknown) continue;
    EXPECT_EQ(request->repository, row.repository);
    EXPECT_EQ(request->reference, row.reference);
  }
}

TEST(RegistryRequest, ReadsTheQuery) {
  const auto request = parseRegistryRequest("/v2/_catalog?n=10&last=stacks%2Fa&flag&n=11");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->parameter("n"), "10");
  EXPECT_EQ(request->parameter("last"), "stacks/a");
  EXPECT_EQ(request->parameter("flag"), "");
  EXPECT_EQ(request->parameter("m"), std::nullopt);
  EXPECT_EQ(request->query.count("n"), 2u);
}

TEST(RegistryRequest, RefusesBadEscapes) {
  for (const auto* uri :
       {"/v2/%", "/v2/%1", "/v2/%zz", "/v2/a%00b", "/v2/a%0ab", "/v2/?n=%", "/v2/?%0d=1", "/v2/\x7f"}) {
    EXPECT_FALSE(parseRegistryRequest(uri)) << uri;
  }
}

}  // namespace
}  // namespace registry::detail
