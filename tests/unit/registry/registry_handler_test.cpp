// What the registry answers to readers, over a live server. (OCI distribution-spec, Pull and Content
// Discovery.)
#include <thread>

#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;

/// One server with an app's and a stack's repository.
struct FilledSite : Site {
  explicit FilledSite(const std::filesystem::path& folder) : Site(folder) {
    releases.putManifest(RepositoryName::parse("hello"), manifest, {"v1", "v2", "latest"});
    auto other = manifest;
    other.blobs.clear();
    releases.putManifest(RepositoryName::parse("stacks/debian-12"), other, {"run"});
  }

  Digest config = store::putBlob(blobs, "{}").digest;
  Digest layer = store::putBlob(blobs, "0123456789").digest;
  Digest lost = Digest::of("lost");  // a row without its file
  store::Manifest manifest{
      Digest::of("{\"manifest\":1}"),
      "application/vnd.oci.image.manifest.v1+json",
      "{\"manifest\":1}",
      {{"application/vnd.oci.image.config.v1+json", config, 2}, {"layer", layer, 10}, {"layer", lost, 4}}};
};

class RegistryHandler : public ::testing::Test {
 protected:
  // Shared: these tests only read.
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing_support::TempFolder>();
    site_ = std::make_unique<FilledSite>(folder_->path());
  }
  static void TearDownTestSuite() {
    site_.reset();
    folder_.reset();
  }

  Answer ask(const std::string& method, const std::string& path, const Headers& headers = {}) {
    return site_->ask(method, path, headers);
  }
  Answer get(const std::string& path, const Headers& headers = {}) { return ask("GET", path, headers); }

  static inline std::unique_ptr<testing_support::TempFolder> folder_;
  static inline std::unique_ptr<FilledSite> site_;
  const Digest& layer_ = site_->layer;
  const Digest& lost_ = site_->lost;
  const store::Manifest& manifest_ = site_->manifest;
};

TEST_F(RegistryHandler, AnswersTheVersionCheck) {
  for (const auto* path : {"/v2/", "/v2"}) {
    const Answer answer = get(path, {{"Authorization", "Basic reader"}});
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "{}");
    EXPECT_EQ(answer.header("Docker-Distribution-Api-Version"), "registry/2.0");
  }
}

TEST_F(RegistryHandler, RefusesInTheSpecificationsWords) {
  const std::string absent = Digest::of("absent").str();
  struct Row {
    const char* method;
    std::string path;
    int status;
    const char* code;
  };
  const Row rows[] = {
      {"GET", "/v2/absent/manifests/v1", 404, "NAME_UNKNOWN"},
      {"GET", "/v2/absent/tags/list", 404, "NAME_UNKNOWN"},
      {"GET", "/v2/absent/blobs/" + layer_.str(), 404, "NAME_UNKNOWN"},
      {"GET", "/v2/Hello/manifests/v1", 400, "NAME_INVALID"},
      {"GET", "/v2/../manifests/v1", 400, "NAME_INVALID"},
      {"GET", "/v2/%2e%2e/%2e%2e/etc/manifests/v1", 400, "NAME_INVALID"},
      {"GET", "/v2//manifests/v1", 400, "NAME_INVALID"},
      {"GET", "/v2/" + std::string(300, 'a') + "/tags/list", 400, "NAME_INVALID"},
      {"GET", "/v2/%zz", 400, "NAME_INVALID"},
      {"GET", "/v2/hello%00/tags/list", 400, "NAME_INVALID"},
      {"GET", "/v2/hello/manifests/v9", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/hello/manifests/", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/hello/manifests/'%20OR%201=1%20--", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/hello/manifests/" + absent, 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/hello/manifests/sha256:short", 400, "DIGEST_INVALID"},
      {"GET", "/v2/hello/manifests/md5:0123", 400, "DIGEST_INVALID"},
      {"GET", "/v2/hello/blobs/" + absent, 404, "BLOB_UNKNOWN"},
      {"GET", "/v2/hello/blobs/" + lost_.str(), 404, "BLOB_UNKNOWN"},
      {"GET", "/v2/hello/blobs/latest", 400, "DIGEST_INVALID"},
      {"GET", "/v2/hello/blobs/sha256:..%2f..%2fetc", 404, "UNSUPPORTED"},
      {"GET", "/v2/stacks/debian-12/blobs/" + layer_.str(), 404, "BLOB_UNKNOWN"},
      {"GET", "/v2/hello/referrers/x", 400, "DIGEST_INVALID"},
      {"GET", "/v2/hello/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"},
      {"GET", "/v2/hello/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"},
      {"GET", "/v2/_catalog?n=", 400, "PAGINATION_NUMBER_INVALID"},
      {"GET", "/v2/hello", 404, "UNSUPPORTED"},
      {"GET", "/v2/hello/blobs/uploads/x", 404, "BLOB_UPLOAD_UNKNOWN"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.method + (" " + row.path));
    const Answer answer = ask(row.method, row.path);
    EXPECT_EQ(answer.status(), row.status);
    EXPECT_THAT(answer.body, HasSubstr("{\"errors\":[{\"code\":\"" + std::string(row.code) + "\""));
    EXPECT_EQ(answer.header("Docker-Distribution-Api-Version"), "registry/2.0");
    EXPECT_THAT(answer.header("Content-Type"), HasSubstr("application/json"));
  }
}

TEST_F(RegistryHandler, SaysWhatAPathAllows) {
  const std::string digest = layer_.str();
  const std::pair<std::string, std::string> rows[] = {
      {"/v2/", "GET, HEAD"},
      {"/v2/_catalog", "GET, HEAD"},
      {"/v2/hello/tags/list", "GET, HEAD"},
      {"/v2/hello/manifests/v1", "GET, HEAD, PUT, DELETE"},
      {"/v2/hello/blobs/" + digest, "GET, HEAD, DELETE"},
      {"/v2/hello/blobs/uploads/", "POST"},
      {"/v2/hello/blobs/uploads/x", "GET, HEAD, PATCH, PUT, DELETE"},
      {"/v2/hello/referrers/" + digest, "GET, HEAD"},
  };
  for (const auto& [path, allowed] : rows) {
    const Answer answer = ask("TRACE", path, {{"Authorization", "Basic good"}});
    EXPECT_EQ(outcomeOf(answer), "405 UNSUPPORTED") << path;
    EXPECT_EQ(answer.header("Allow"), allowed) << path;
  }
}

TEST_F(RegistryHandler, LetsNobodyWriteWithoutTheRight) {
  const std::string uploads = "/v2/hello/blobs/uploads/";
  const std::pair<const char*, std::string> rows[] = {{"POST", uploads},
                                                      {"PATCH", uploads + "x"},
                                                      {"PUT", uploads + "x"},
                                                      {"DELETE", uploads + "x"},
                                                      {"PUT", "/v2/hello/manifests/new"},
                                                      {"DELETE", "/v2/hello/manifests/v1"},
                                                      {"DELETE", "/v2/hello/blobs/" + layer_.str()}};
  for (const auto& [method, path] : rows) {
    EXPECT_EQ(outcomeOf(ask(method, path)), "401 UNAUTHORIZED") << method << path;
    EXPECT_EQ(outcomeOf(ask(method, path, {{"Authorization", "Basic reader"}})), "403 DENIED")
        << method << path;
  }
}

// docker asks who it has to be only here, and only at a 401: also where reading needs nobody's name.
TEST_F(RegistryHandler, AsksEverybodyForANameAtTheVersionCheck) {
  const Answer refused = get("/v2/", {{"Host", "paas.example.org:5000"}});
  EXPECT_EQ(refused.status(), 401);
  EXPECT_EQ(refused.header("WWW-Authenticate"),
            "Bearer realm=\"http://paas.example.org:5000/token\",service=\"paas.example.org:5000\"");
  EXPECT_EQ(outcomeOf(get("/v2/", {{"Authorization", "Basic bad"}})), "401 UNAUTHORIZED");
}

TEST_F(RegistryHandler, ChallengesSayWhatIsMissing) {
  struct Row {
    const char* method;
    std::string path;
    std::string scope;  ///< with what follows
  };
  const std::string digest = layer_.str();
  const Row rows[] = {
      {"GET", "/v2/a/b/manifests/v1", ",scope=\"repository:a/b:pull\""},
      {"HEAD", "/v2/a/blobs/" + digest, ",scope=\"repository:a:pull\""},
      {"GET", "/v2/a/tags/list", ",scope=\"repository:a:pull\""},
      {"POST", "/v2/a/blobs/uploads/", ",scope=\"repository:a:pull,push\""},
      {"DELETE", "/v2/a/blobs/uploads/x", ",scope=\"repository:a:pull,push\""},
      {"PUT", "/v2/a/manifests/v1", ",scope=\"repository:a:pull,push\""},
      {"DELETE", "/v2/a/manifests/v1", ",scope=\"repository:a:delete\""},
      {"GET", "/v2/_catalog", ",scope=\"registry:catalog:*\""},
      {"GET", "/v2/", ""},
      {"GET", "/v2/a%22,b=%22/tags/list", ""},  // no name: not repeated
      {"GET", "/v2/%zz", ""},
  };
  for (const auto& [method, path, scope] : rows) {
    const std::string challenge = "Bearer realm=\"http://h/token\",service=\"h\"" + scope;
    const Answer wrong = ask(method, path, {{"Host", "h"}, {"Authorization", "Basic bad"}});
    EXPECT_EQ(wrong.status(), 401) << path;
    EXPECT_EQ(wrong.header("WWW-Authenticate"), challenge) << path;
    const Answer narrow = ask(method, path, {{"Host", "h"}, {"Authorization", "Bearer narrow"}});
    EXPECT_EQ(narrow.status(), 401) << path;
    EXPECT_EQ(narrow.header("WWW-Authenticate"), challenge + ",error=\"insufficient_scope\"") << path;
  }
  const Answer old = get("/v2/a/tags/list", {{"Host", "h"}, {"Authorization", "Bearer old"}});
  EXPECT_EQ(outcomeOf(old), "401 UNAUTHORIZED");
  EXPECT_THAT(old.body, HasSubstr("its time was over"));
  EXPECT_THAT(old.header("WWW-Authenticate"), HasSubstr("repository:a:pull"));
}

// An answer in the middle of it looks like a broken connection to some.
TEST_F(RegistryHandler, ChallengesWhenASmallBodyIsThere) {
  Poco::Net::StreamSocket socket{Poco::Net::SocketAddress(site_->server->address())};
  const std::string head = "PUT /v2/hello/manifests/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab";
  socket.sendBytes(head.data(), static_cast<int>(head.size()));
  EXPECT_FALSE(socket.poll(Poco::Timespan(0, 100'000), Poco::Net::Socket::SELECT_READ));
  socket.sendBytes("cd", 2);
  char buffer[4096];
  const int count = socket.receiveBytes(buffer, sizeof buffer);
  EXPECT_THAT(std::string(buffer, static_cast<std::size_t>(std::max(count, 0))),
              ::testing::StartsWith("HTTP/1.1 401 "));
}

TEST_F(RegistryHandler, ChallengesLeadBackTheWayTheClientCame) {
  const std::pair<Headers, std::string> rows[] = {
      {{{"Host", "h:1"}}, "http://h:1/"},
      {{{"Host", "h"}, {"X-Forwarded-Proto", "https"}}, "https://h/"},
      {{{"Host", "inside:5000"}, {"X-Forwarded-Host", "paas.example.org"}, {"X-Forwarded-Proto", "https"}},
       "https://paas.example.org/"},
      {{{"Host", "h"}, {"X-Forwarded-Host", "a\"b"}}, "http://h/"},
      {{{"Host", "a\"b"}}, "http://" + site_->server->address() + "/"},
  };
  for (const auto& [headers, origin] : rows)
    EXPECT_THAT(get("/v2/", headers).header("WWW-Authenticate"), HasSubstr("realm=\"" + origin + "token\""));
}

TEST_F(RegistryTest, ThePublicUrlsSchemeCountsForItsHost) {
  site_.reset();
  Site site(folder_.path(), {.publicUrl = "https://paas.example.org"});
  EXPECT_THAT(site.ask("GET", "/v2/", {{"Host", "paas.example.org"}}).header("WWW-Authenticate"),
              HasSubstr("\"https://paas.example.org/token\""));
  EXPECT_THAT(site.ask("GET", "/v2/", {{"Host", "localhost"}}).header("WWW-Authenticate"),
              HasSubstr("\"http://localhost/token\""));
}

// A proxy on this machine makes the whole world look like loopback.
TEST_F(RegistryHandler, TakesNoProxysWordForLoopback) {
  for (const auto* header : {"X-Forwarded-For", "Forwarded", "Via"}) {
    EXPECT_EQ(get("/v2/hello/manifests/v1", {{header, "127.0.0.1"}}).status(), 401) << header;
  }
}

TEST_F(RegistryHandler, ServesAManifestByTagAndDigest) {
  const std::string etag = "\"" + manifest_.digest.str() + "\"";
  for (const std::string& reference : {std::string("v1"), manifest_.digest.str()}) {
    const std::string path = "/v2/hello/manifests/" + reference;
    const Answer answer = get(path, {{"Accept", "application/vnd.docker.distribution.manifest.v2+json"}});
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, manifest_.bytes);
    EXPECT_EQ(answer.header("Content-Type"), manifest_.mediaType);
    EXPECT_EQ(answer.header("Docker-Content-Digest"), manifest_.digest.str());
    EXPECT_EQ(answer.header("ETag"), etag);
    const Answer head = ask("HEAD", path);
    EXPECT_EQ(head.status(), 200);
    EXPECT_EQ(head.head.getContentLength64(), static_cast<std::int64_t>(manifest_.bytes.size()));
    EXPECT_EQ(head.header("Docker-Content-Digest"), manifest_.digest.str());
    EXPECT_EQ(get(path, {{"If-None-Match", "\"x\", W/" + etag}}).status(), 304);
    EXPECT_EQ(get(path, {{"If-None-Match", "\"x\""}}).status(), 200);
  }
  EXPECT_EQ(get("/v2/hello/manifests/latest").header("Cache-Control"), "no-cache");
  EXPECT_THAT(get("/v2/hello/manifests/" + manifest_.digest.str()).header("Cache-Control"),
              HasSubstr("immutable"));
}

TEST_F(RegistryHandler, ServesABlobWholeAndInParts) {
  const std::string path = "/v2/hello/blobs/" + layer_.str();
  const Answer answer = get(path);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "0123456789");
  EXPECT_EQ(answer.header("Docker-Content-Digest"), layer_.str());
  EXPECT_EQ(answer.header("ETag"), "\"" + layer_.str() + "\"");
  EXPECT_EQ(answer.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(answer.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(answer.header("Cache-Control"), "max-age=31536000, immutable");
  const Answer head = ask("HEAD", path);
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.head.getContentLength64(), 10);
  const Answer part = get(path, {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status(), 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(get(path, {{"Range", "bytes=2-4"}, {"If-Range", "\"other\""}}).status(), 200);
  const Answer beyond = get(path, {{"Range", "bytes=10-"}});
  EXPECT_EQ(beyond.status(), 416);
  EXPECT_EQ(beyond.header("Content-Range"), "bytes */10");
  EXPECT_EQ(get(path, {{"If-None-Match", "\"" + layer_.str() + "\""}}).status(), 304);
}

TEST_F(RegistryHandler, ListsTagsInPages) {
  EXPECT_EQ(get("/v2/hello/tags/list").body, R"({"name":"hello","tags":["latest","v1","v2"]})");
  const Answer first = get("/v2/hello/tags/list?n=2");
  EXPECT_EQ(first.body, R"({"name":"hello","tags":["latest","v1"]})");
  EXPECT_EQ(first.header("Link"), "</v2/hello/tags/list?n=2&last=v1>; rel=\"next\"");
  const Answer second = get("/v2/hello/tags/list?n=2&last=v1");
  EXPECT_EQ(second.body, R"({"name":"hello","tags":["v2"]})");
  EXPECT_EQ(second.header("Link"), "(none)");
  const Answer none = get("/v2/hello/tags/list?n=0");
  EXPECT_EQ(none.body, R"({"name":"hello","tags":[]})");
  EXPECT_EQ(none.header("Link"), "(none)");
  EXPECT_EQ(get("/v2/hello/tags/list?n=99999999").status(), 200);
  EXPECT_EQ(get("/v2/stacks/debian-12/tags/list").body, R"({"name":"stacks/debian-12","tags":["run"]})");
}

TEST_F(RegistryHandler, ListsRepositoriesInPages) {
  EXPECT_EQ(get("/v2/_catalog").body, R"({"repositories":["hello","stacks/debian-12"]})");
  const Answer first = get("/v2/_catalog?n=1");
  EXPECT_EQ(first.body, R"({"repositories":["hello"]})");
  EXPECT_EQ(first.header("Link"), "</v2/_catalog?n=1&last=hello>; rel=\"next\"");
  EXPECT_EQ(get("/v2/_catalog?last=hello").body, R"({"repositories":["stacks/debian-12"]})");
}

TEST_F(RegistryHandler, KnowsNoReferrers) {
  EXPECT_EQ(get("/v2/absent/referrers/" + manifest_.digest.str()).status(), 200);
  const Answer answer = get("/v2/hello/referrers/" + manifest_.digest.str());
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("Content-Type"), "application/vnd.oci.image.index.v1+json");
  EXPECT_THAT(answer.body, HasSubstr("\"manifests\":[]"));
}

TEST_F(RegistryHandler, AnswersManyAtATime) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        EXPECT_EQ(get("/v2/hello/blobs/" + layer_.str()).body, "0123456789");
        EXPECT_EQ(get("/v2/hello/manifests/latest").body, manifest_.bytes);
      }
    });
  }
  for (auto& client : clients)
    client.join();
}

}  // namespace
}  // namespace registry
