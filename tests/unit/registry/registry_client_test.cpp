#include "registry/registry_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "registry/image_push.h"
#include "tests/support/byte_streams.h"
#include "tests/support/fake_registry.h"
#include "tests/support/memory_blob_store.h"
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;
using testing_support::StringSink;
using testing_support::StringSource;

constexpr const char* kType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kBearer = "Bearer realm=\"http://HERE/token\",service=\"it\"";

class RegistryClientTest : public ::testing::Test {
 protected:
  RegistryClient& client(ClientOptions::Rights rights = ClientOptions::Rights::push) {
    client_ = std::make_unique<RegistryClient>(ClientOptions{.host = fake_.host(),
                                                             .repository = RepositoryName::parse("team/app"),
                                                             .rights = rights,
                                                             .credential = credential_},
                                               stop_.get_token());
    return *client_;
  }
  RegistryClient::Pushed push(const std::string& content, const char* from = nullptr) {
    const auto source = from ? std::optional(RepositoryName::parse(from)) : std::optional<RepositoryName>();
    return client().pushBlob(
        {"x", Digest::of(content), content.size()}, [&] { return std::make_unique<StringSource>(content); },
        source);
  }
  std::string read(const std::string& content) {
    StringSink out;
    client(ClientOptions::Rights::pull).readBlob({"x", Digest::of(content), content.size()}, out);
    return out.text;
  }
  template <typename Body>
  base::Errc errorOf(Body body) {
    try {
      body();
    } catch (const base::Error& error) {
      message_ = error.what();
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::Errc::internal;
  }

  testing_support::FakeRegistry fake_;
  std::optional<RegistryCredential> credential_;
  std::stop_source stop_;
  std::unique_ptr<RegistryClient> client_;
  std::string message_;
};

TEST_F(RegistryClientTest, SendsABlobInOnePutUnlessItIsThere) {
  EXPECT_EQ(push("content"), RegistryClient::Pushed::sent);
  EXPECT_EQ(fake_.blobs[Digest::of("content").str()], "content");
  EXPECT_EQ(fake_.count("PATCH"), 0u);
  EXPECT_EQ(push("content"), RegistryClient::Pushed::present);
  EXPECT_EQ(fake_.count("PUT"), 1u);
}

TEST_F(RegistryClientTest, SendsALargeBlobWhenTheServerHasAskedForIt) {
  const std::string large(3u << 20, 'x');
  EXPECT_EQ(push(large), RegistryClient::Pushed::sent);
  EXPECT_EQ(fake_.blobs[Digest::of(large).str()], large);
}

TEST_F(RegistryClientTest, MountsFromAnotherRepository) {
  fake_.mountable = Digest::of("content").str();
  EXPECT_EQ(push("content", "team/other"), RegistryClient::Pushed::mounted);
  EXPECT_EQ(fake_.count("from=team/other"), 1u);
  EXPECT_EQ(push("elsewhere", "team/other"), RegistryClient::Pushed::sent);
  EXPECT_EQ(fake_.count("POST"), 2u) << "the upload that a mount began is used";
}

TEST_F(RegistryClientTest, SendsPiecesWhereOnePutIsRefused) {
  fake_.wholePutStatus = 413;
  EXPECT_EQ(push("content"), RegistryClient::Pushed::sent);
  EXPECT_EQ(fake_.blobs[Digest::of("content").str()], "content");
  EXPECT_EQ(fake_.count("PATCH"), 1u);
}

TEST_F(RegistryClientTest, LogsInWithATokenAsItIsAsked) {
  fake_.challenge = kBearer;
  fake_.tokens = {"t1"};
  fake_.good = {"Bearer t1"};
  EXPECT_EQ(push("content"), RegistryClient::Pushed::sent);
  EXPECT_EQ(fake_.count("GET /token?service=it&scope=repository%3Ateam%2Fapp%3Apull%2Cpush"), 1u);
}

TEST_F(RegistryClientTest, FetchesANewTokenInTheMiddleOfAPush) {
  fake_.challenge = kBearer;
  fake_.tokens = {"t1", "t2"};
  fake_.good = {"Bearer t1", "Bearer t2"};
  fake_.forgetAfterUploads = "Bearer t1";
  EXPECT_EQ(push("content"), RegistryClient::Pushed::sent);
  EXPECT_EQ(fake_.blobs[Digest::of("content").str()], "content");
  EXPECT_EQ(fake_.count("/token"), 2u);
}

TEST_F(RegistryClientTest, LogsInWithBasic) {
  fake_.challenge = "Basic realm=\"x\"";
  fake_.good = {"Basic bWU6c2VjcmV0"};
  credential_ = RegistryCredential{"me", "secret", ""};
  EXPECT_EQ(push("content"), RegistryClient::Pushed::sent);
}

TEST_F(RegistryClientTest, SaysWhatToTypeWhenItIsNotLetIn) {
  fake_.challenge = "Basic realm=\"x\"";
  EXPECT_EQ(errorOf([&] { push("content"); }), base::Errc::unauthenticated);
  EXPECT_THAT(message_, HasSubstr("fairlead registries:add " + fake_.host()));
  fake_.challenge = kBearer;
  EXPECT_EQ(errorOf([&] { push("content"); }), base::Errc::unauthenticated);
  EXPECT_THAT(message_, HasSubstr("logging in"));
}

TEST_F(RegistryClientTest, GoesOnWhereADownloadBrokeOff) {
  std::string content;
  for (int i = 0; i < 20'000; ++i)
    content += std::to_string(i);
  fake_.put(content);
  fake_.breakAfter = 40'000;
  EXPECT_EQ(read(content), content);
  EXPECT_EQ(fake_.count("GET"), 3u);
  fake_.knowsRanges = false;  // it always sends from the start, and never comes further
  EXPECT_EQ(errorOf([&] { read(content); }), base::Errc::unavailable);
}

TEST_F(RegistryClientTest, TakesNothingThatIsNotWhatItsDigestSays) {
  fake_.blobs[Digest::of("content").str()] = "cOntent";
  EXPECT_EQ(errorOf([&] { read("content"); }), base::Errc::corrupt);
  fake_.blobs[Digest::of("content").str()] = "content and more";
  EXPECT_EQ(errorOf([&] { read("content"); }), base::Errc::corrupt);
  const std::string digest = Digest::of("{}").str();
  fake_.manifests[digest] = {kType, "{ }"};
  EXPECT_EQ(errorOf([&] { client().manifest(digest); }), base::Errc::corrupt);
}

TEST_F(RegistryClientTest, FollowsToAnotherHostWithoutTheToken) {
  testing_support::FakeRegistry elsewhere;
  elsewhere.challenge = "Basic realm=\"nobody\"";
  elsewhere.good = {""};
  elsewhere.put("content");
  fake_.put("content");
  fake_.redirectBlobsTo = elsewhere.host();
  fake_.challenge = kBearer;
  fake_.tokens = {"t1"};
  fake_.good = {"Bearer t1"};
  EXPECT_EQ(read("content"), "content");
}

TEST_F(RegistryClientTest, RepeatsTheRegistrysOwnWords) {
  EXPECT_EQ(errorOf([&] { client().manifest("v1"); }), base::Errc::notFound);
  EXPECT_THAT(message_, HasSubstr("/team/app:v1: check its name and its tag"));
  fake_.failing = 1;
  EXPECT_EQ(errorOf([&] { client().manifest("v1"); }), base::Errc::unavailable);
  EXPECT_THAT(message_, HasSubstr("answers 503 (so it is)"));
}

TEST_F(RegistryClientTest, TellsAHostThatIsNotThere) {
  std::string gone;
  {
    testing_support::FakeRegistry other;
    gone = other.host();
  }
  RegistryClient lost({.host = gone, .repository = RepositoryName::parse("a")}, {});
  EXPECT_EQ(errorOf([&] { lost.manifest("v1"); }), base::Errc::unavailable);
  EXPECT_THAT(message_, HasSubstr("127.0.0.1 does not answer: "));
}

TEST_F(RegistryClientTest, AStopEndsIt) {
  // A listener that never answers.
  const base::TcpListener silent = base::listenTcp("127.0.0.1:0", "x");
  RegistryClient waiting({.host = silent.address, .repository = RepositoryName::parse("a")},
                         stop_.get_token());
  std::jthread stopper([&] {
    pollfd connected{silent.fd.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&connected, 1, 20'000), 1) << "nobody connects";
    stop_.request_stop();
  });
  EXPECT_EQ(errorOf([&] { waiting.manifest("v1"); }), base::Errc::cancelled);
}

TEST_F(RegistryClientTest, PushesAnImageWithItsManifestLast) {
  testing_support::MemoryBlobStore blobs;
  store::putBlob(blobs, "config");
  store::putBlob(blobs, "layer");
  store::Manifest image{Digest::of("{}"), kType, "{}", {}};
  image.blobs = {{"c", Digest::of("config"), 6}, {"l", Digest::of("layer"), 5}};
  const ImagePush push{ImageReference::parse(fake_.host() + "/team/app"), image, {"v1", "latest"}};
  fake_.failing = 2;
  std::vector<std::size_t> done;
  const PushHooks hooks{[](const Digest&) { return std::nullopt; },
                        [&](const PushProgress& progress) { done.push_back(progress.blobsDone); }};
  EXPECT_EQ(pushImage(push, blobs, hooks, {}).bytesSent, 11u);
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(fake_.manifests["v1"].second, "{}");
  EXPECT_EQ(fake_.manifests["latest"].first, kType);
  EXPECT_THAT(fake_.log.back(), HasSubstr("PUT /v2/team/app/manifests/latest"));
  // Again: there is nothing left to send.
  EXPECT_EQ(pushImage(push, blobs, hooks, {}).bytesSent, 0u);
}

TEST_F(RegistryTest, OurOwnIsOneOfThem) {
  const std::string layer(2u << 20, 'l');
  site_->push("team/app", "{}");
  site_->push("team/app", layer);
  const std::string bytes =
      R"({"schemaVersion":2,"mediaType":")" + std::string(kType) +
      R"(","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
      Digest::of("{}").str() + R"(","size":2},"layers":[{"mediaType":"x/y","digest":")" +
      Digest::of(layer).str() + R"(","size":)" + std::to_string(layer.size()) + "}]}";
  ASSERT_EQ(site_->put("PUT", "/v2/team/app/manifests/v1", bytes, {{"Content-Type", kType}}).status(), 201);
  RegistryClient client({.host = site_->server->address(), .repository = RepositoryName::parse("team/app")},
                        {});
  EXPECT_EQ(client.manifest("v1").digest, Digest::of(bytes));
  StringSink out;
  client.readBlob({"x/y", Digest::of(layer), layer.size()}, out);
  EXPECT_EQ(out.text, layer);
}

}  // namespace
}  // namespace registry
