// Blobs on their way in. (OCI distribution-spec, Pushing blobs, Mounting.)
#include <Poco/Net/StreamSocket.h>

#include <fstream>

#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string blobPath(const std::string& repository, const Digest& digest) {
  return "/v2/" + repository + "/blobs/" + digest.str();
}

TEST_F(RegistryTest, TakesABlobInOneRequest) {
  const Digest digest = Digest::of("whole");
  const Answer answer = site_->put("POST", "/v2/a/b/blobs/uploads/?digest=" + digest.str(), "whole");
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.header("Location"), blobPath("a/b", digest));
  EXPECT_EQ(answer.header("Docker-Content-Digest"), digest.str());
  EXPECT_EQ(site_->ask("GET", blobPath("a/b", digest)).body, "whole");
  EXPECT_EQ(outcomeOf(site_->ask("GET", blobPath("a/c", digest))), "404 NAME_UNKNOWN");
}

TEST_F(RegistryTest, TakesABlobByPostAndPut) {
  const Digest digest = Digest::of("content");
  const std::string location = site_->begin("hello");
  EXPECT_THAT(location, StartsWith("/v2/hello/blobs/uploads/"));
  const Answer answer = site_->put("PUT", location + "?digest=" + digest.str(), "content");
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.header("Location"), blobPath("hello", digest));
  EXPECT_EQ(site_->ask("HEAD", blobPath("hello", digest)).head.getContentLength64(), 7);
  EXPECT_EQ(outcomeOf(site_->put("PUT", location + "?digest=" + digest.str(), "content")),
            "404 BLOB_UPLOAD_UNKNOWN");
}

TEST_F(RegistryTest, TakesChunksInOrder) {
  const std::string location = site_->begin("hello");
  const auto chunk = [&](const std::string& range, const std::string& body) {
    return site_->put("PATCH", location, body, {{"Content-Range", range}});
  };
  EXPECT_EQ(outcomeOf(chunk("4-7", "efgh")), "416 BLOB_UPLOAD_INVALID");
  const Answer first = chunk("0-3", "abcd");
  EXPECT_EQ(first.status(), 202);
  EXPECT_EQ(first.header("Range"), "0-3");
  EXPECT_EQ(first.header("Location"), location);
  const Answer repeated = chunk("0-3", "abcd");
  EXPECT_EQ(repeated.status(), 416);
  EXPECT_EQ(repeated.header("Range"), "0-3");
  EXPECT_EQ(repeated.header("Location"), location);
  const Answer status = site_->ask("GET", location);
  EXPECT_EQ(status.status(), 204);
  EXPECT_EQ(status.header("Range"), "0-3");
  EXPECT_EQ(status.header("Location"), location);
  EXPECT_EQ(outcomeOf(chunk("4-9", "efgh")), "400 SIZE_INVALID");
  EXPECT_EQ(outcomeOf(chunk("x", "efgh")), "400 BLOB_UPLOAD_INVALID");
  EXPECT_EQ(chunk("bytes 4-7/*", "efgh").header("Range"), "0-7");
  const Digest digest = Digest::of("abcdefghij");
  const Answer wrong =
      site_->put("PUT", location + "?digest=" + digest.str(), "ij", {{"Content-Range", "0-1"}});
  EXPECT_EQ(wrong.status(), 416);
  const Answer last =
      site_->put("PUT", location + "?digest=" + digest.str(), "ij", {{"Content-Range", "8-9"}});
  EXPECT_EQ(last.status(), 201);
  EXPECT_EQ(site_->ask("GET", blobPath("hello", digest)).body, "abcdefghij");
}

TEST_F(RegistryTest, TakesAStreamAndAnEmptyBlob) {
  const std::string location = site_->begin("hello");
  EXPECT_EQ(site_->put("PATCH", location, "one").header("Range"), "0-2");
  EXPECT_EQ(site_->put("PATCH", location, "two").header("Range"), "0-5");
  EXPECT_EQ(site_->put("PUT", location + "?digest=" + Digest::of("onetwo").str()).status(), 201);
  const Digest empty = Digest::of("");
  EXPECT_EQ(site_->put("PUT", site_->begin("hello") + "?digest=" + empty.str()).status(), 201);
  const Answer answer = site_->ask("GET", blobPath("hello", empty));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("Content-Length"), "0");
}

TEST_F(RegistryTest, KnowsSha512) {
  const Digest digest = Digest::of("content", base::DigestAlgorithm::sha512);
  const std::string put = "?digest=" + digest.str();
  EXPECT_EQ(site_->put("PUT", site_->begin("hello") + put, "content").status(), 201);
  const Answer answer = site_->ask("GET", blobPath("hello", digest));
  EXPECT_EQ(answer.body, "content");
  EXPECT_EQ(answer.header("Docker-Content-Digest"), digest.str());
  // Said at the beginning, and only at the end.
  for (const char* query : {"?digest-algorithm=sha512", ""}) {
    const std::string location =
        site_->put("POST", std::string("/v2/other/blobs/uploads/") + query).header("Location");
    EXPECT_EQ(site_->put("PATCH", location, "con").status(), 202);
    EXPECT_EQ(site_->put("PUT", location + put, "tent").status(), 201) << query;
  }
  EXPECT_EQ(outcomeOf(site_->put("POST", "/v2/hello/blobs/uploads/?digest-algorithm=md5")),
            "400 DIGEST_INVALID");
}

TEST_F(RegistryTest, RefusesOtherContentThanTheDigests) {
  const std::string digest = Digest::of("right").str();
  const std::string uploads = "/v2/hello/blobs/uploads/";
  EXPECT_EQ(outcomeOf(site_->put("POST", uploads + "?digest=" + digest, "wrong")), "400 DIGEST_INVALID");
  const std::string location = site_->begin("hello");
  EXPECT_EQ(outcomeOf(site_->put("PUT", location, "right")), "400 DIGEST_INVALID");
  EXPECT_EQ(outcomeOf(site_->put("PUT", location + "?digest=sha256:bad", "right")), "400 DIGEST_INVALID");
  EXPECT_EQ(outcomeOf(site_->put("PUT", location + "?digest=" + digest, "wrong")), "400 DIGEST_INVALID");
  EXPECT_EQ(outcomeOf(site_->ask("GET", location)), "404 BLOB_UPLOAD_UNKNOWN");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "blobs/sessions"));
  EXPECT_EQ(outcomeOf(site_->put("POST", uploads + "?digest=md5:00", "x")), "400 DIGEST_INVALID");
  EXPECT_EQ(outcomeOf(site_->put("POST", uploads + "?mount=nothing", "x")), "400 DIGEST_INVALID");
}

TEST_F(RegistryTest, CancelsAnUpload) {
  const std::string location = site_->begin("hello");
  site_->put("PATCH", location, "abc");
  EXPECT_EQ(outcomeOf(site_->put("DELETE", "/v2/other" + location.substr(9))), "404 BLOB_UPLOAD_UNKNOWN");
  EXPECT_EQ(site_->put("DELETE", location).status(), 204);
  for (const char* method : {"GET", "DELETE", "PATCH"})
    EXPECT_EQ(outcomeOf(site_->put(method, location)), "404 BLOB_UPLOAD_UNKNOWN") << method;
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "blobs/sessions"));
}

TEST_F(RegistryTest, MountsOnlyWhatTheCallerMayRead) {
  const Digest digest = site_->push("secret/a", "content");
  const auto mount = [&](const std::string& who, const std::string& query) {
    return site_->ask("POST", "/v2/hello/blobs/uploads/?mount=" + digest.str() + query,
                      {{"Authorization", "Basic " + who}});
  };
  EXPECT_EQ(mount("pusher", "").status(), 202);
  EXPECT_EQ(mount("pusher", "&from=secret/a").status(), 202);
  EXPECT_EQ(mount("good", "&from=other").status(), 202);
  EXPECT_EQ(mount("good", "&from=No/Name").status(), 202);
  EXPECT_EQ(outcomeOf(site_->ask("GET", blobPath("hello", digest))), "404 NAME_UNKNOWN");
  const Answer mounted = mount("good", "&from=secret/a");
  EXPECT_EQ(mounted.status(), 201);
  EXPECT_EQ(mounted.header("Location"), blobPath("hello", digest));
  EXPECT_EQ(mounted.header("Docker-Content-Digest"), digest.str());
  EXPECT_EQ(site_->ask("GET", blobPath("hello", digest)).body, "content");
  EXPECT_EQ(site_->put("DELETE", blobPath("hello", digest)).status(), 202);
  EXPECT_EQ(mount("good", "").status(), 201);
}

TEST_F(RegistryTest, MountsNothingThatIsDamaged) {
  const Digest digest = site_->push("a", "content");
  std::filesystem::resize_file(site_->blobs.path(digest), 3);
  EXPECT_EQ(site_->put("POST", "/v2/b/blobs/uploads/?mount=" + digest.str()).status(), 202);
  EXPECT_EQ(outcomeOf(site_->ask("GET", blobPath("a", digest))), "404 BLOB_UNKNOWN");
  site_->push("b", "content");
  EXPECT_EQ(site_->ask("GET", blobPath("a", digest)).body, "content");
}

TEST_F(RegistryTest, APushHealsABlobThatHasItsSize) {
  const Digest digest = site_->push("a", "content");
  std::ofstream(site_->blobs.path(digest)) << "CONTENT";
  site_->push("b", "content");
  EXPECT_EQ(site_->ask("GET", blobPath("a", digest)).body, "content");
}

TEST_F(RegistryTest, UploadsSurviveARestart) {
  const std::string location = site_->begin("hello");
  site_->put("PATCH", location, "abcd");
  const std::string other = site_->begin("hello");  // has no byte
  std::ofstream(folder_ / "blobs/sessions/nobody") << "x";
  site_.reset();
  // What a kill leaves behind the bytes that are durable.
  const auto uuid = location.substr(location.rfind('/') + 1);
  std::ofstream(folder_ / "blobs/sessions" / uuid, std::ios::app) << "not synced";
  site_ = std::make_unique<Site>(folder_.path());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "blobs/sessions/nobody"));
  EXPECT_EQ(site_->ask("GET", location).header("Range"), "0-3");
  EXPECT_EQ(outcomeOf(site_->ask("GET", other)), "404 BLOB_UPLOAD_UNKNOWN");
  EXPECT_EQ(site_->put("PATCH", location, "efgh", {{"Content-Range", "4-7"}}).status(), 202);
  const Digest digest = Digest::of("abcdefgh");
  EXPECT_EQ(site_->put("PUT", location + "?digest=" + digest.str()).status(), 201);
  EXPECT_EQ(site_->ask("GET", blobPath("hello", digest)).body, "abcdefgh");
  EXPECT_TRUE(site_->rows.uploads().empty());
}

TEST_F(RegistryTest, KeepsWhatCameOfABodyThatBreaksOff) {
  const std::string location = site_->begin("hello");
  Poco::Net::StreamSocket socket{Poco::Net::SocketAddress(site_->server->address())};
  const std::string text =
      "PATCH " + location +
      " HTTP/1.1\r\nHost: h\r\nAuthorization: Basic good\r\nContent-Length: 10\r\n\r\nabcd";
  socket.sendBytes(text.data(), static_cast<int>(text.size()));
  socket.shutdownSend();
  char buffer[1024];
  while (socket.receiveBytes(buffer, sizeof buffer) > 0) {
  }
  EXPECT_EQ(site_->ask("GET", location).header("Range"), "0-3");
  EXPECT_EQ(site_->put("PUT", location + "?digest=" + Digest::of("abcdef").str(), "ef").status(), 201);
}

TEST_F(RegistryTest, RefusesBeforeTheBodyIsRead) {
  Poco::Net::StreamSocket socket{Poco::Net::SocketAddress(site_->server->address())};
  const std::string text =
      "POST /v2/hello/blobs/uploads/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: "
      "100-continue\r\n\r\n";
  socket.sendBytes(text.data(), static_cast<int>(text.size()));
  std::string answer;
  char buffer[4096];
  while (const int count = socket.receiveBytes(buffer, sizeof buffer))
    answer.append(buffer, static_cast<std::size_t>(count));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401 "));
}

TEST_F(RegistryTest, LimitsUploads) {
  site_->uploads.setLimits({.idle = std::chrono::seconds(60), .maxBytes = 8, .maxSessions = 2});
  const std::string first = site_->begin("hello");
  EXPECT_EQ(outcomeOf(site_->put("PATCH", first, "123456789")), "413 SIZE_INVALID");
  EXPECT_EQ(site_->put("PATCH", first, "12345678").status(), 202);
  EXPECT_EQ(outcomeOf(site_->put("PATCH", first, "9")), "413 SIZE_INVALID");
  site_->begin("hello");
  const Answer third = site_->put("POST", "/v2/hello/blobs/uploads/");
  EXPECT_EQ(outcomeOf(third), "429 TOOMANYREQUESTS");
  EXPECT_THAT(third.body, HasSubstr("upload_max_sessions"));
  EXPECT_EQ(third.header("Retry-After"), "10");
  site_->clock.advance(std::chrono::seconds(61));
  site_->begin("hello");
  EXPECT_EQ(outcomeOf(site_->ask("GET", first)), "404 BLOB_UPLOAD_UNKNOWN");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "blobs/sessions"));
}

TEST_F(RegistryTest, LimitsUploadsOfEachUser) {
  site_->uploads.setLimits({.idle = std::chrono::hours(1), .maxSessionsPerUser = 2});
  const std::string first = site_->begin("hello");
  EXPECT_EQ(site_->put("PATCH", first, "some").status(), 202);
  site_->begin("hello");
  const Answer third = site_->put("POST", "/v2/hello/blobs/uploads/");
  EXPECT_EQ(outcomeOf(third), "429 TOOMANYREQUESTS");
  EXPECT_THAT(third.body, HasSubstr("upload_max_sessions_per_user"));
  const Headers another{{"Authorization", "Basic pusher"}};
  EXPECT_EQ(site_->ask("POST", "/v2/hello/blobs/uploads/", another).status(), 202);

  site_.reset();
  site_ = std::make_unique<Site>(folder_.path());  // only the first has a byte, and so is still there
  site_->uploads.setLimits({.idle = std::chrono::hours(1), .maxSessionsPerUser = 1});
  EXPECT_EQ(site_->put("POST", "/v2/hello/blobs/uploads/").status(), 429);
  EXPECT_EQ(site_->put("DELETE", first).status(), 204);
  EXPECT_EQ(site_->put("POST", "/v2/hello/blobs/uploads/").status(), 202);
}

}  // namespace
}  // namespace registry
