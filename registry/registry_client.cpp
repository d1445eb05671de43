#include "registry/registry_client.h"

#include <Poco/URI.h>

#include <algorithm>

#include "base/error.h"
#include "registry/detail/authorized_client.h"
#include "registry/detail/stoppable_pause.h"
#include "registry/detail/text_source.h"

namespace registry {
namespace {

using base::Errc;
using base::Error;
using detail::TextSource;
using detail::WebAnswer;
using detail::WebBody;
using detail::WebRequest;

constexpr std::size_t kMaxManifest = 4u << 20;
constexpr std::uint64_t kChunkBytes = 32u << 20;
constexpr int kReadAttempts = 5;
constexpr std::chrono::milliseconds kReadPause{200};
constexpr const char* kManifestTypes =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json";

/// Without its parameters: "application/json; charset=utf-8".
std::string mediaTypeOf(const std::string& header) {
  return header.substr(0, header.find(';'));
}

/// Refusals of a blob in one PUT that a PUT in pieces may not meet: a proxy's limit on bodies, a server that
/// knows no such request.
bool mayTakePieces(int status) {
  return status == 400 || status == 404 || status == 405 || status == 411 || status == 413 || status == 416 ||
         status == 501;
}

std::string withDigest(const std::string& location, const store::Digest& digest) {
  return location + (location.find('?') == std::string::npos ? "?" : "&") + "digest=" + digest.str();
}

}  // namespace

class RegistryClient::Exchange {
 public:
  Exchange(const ClientOptions& options, std::stop_token stop)
      : client_(options, std::move(stop)), repository_(options.repository), rights_(options.rights) {}

  RemoteManifest manifest(const std::string& reference);
  void readBlob(const store::Descriptor& blob, base::ByteSink& out);
  Pushed pushBlob(const store::Descriptor& blob, const Content& content,
                  const std::optional<store::RepositoryName>& from);
  void pushManifest(const std::string& reference, const store::Manifest& manifest);
  std::chrono::seconds retryAfter() const { return client_.retryAfter(); }

 private:
  std::string path(const std::string& rest) const { return "/v2/" + repository_.str() + rest; }
  std::string scopes() const;
  /// Where an upload goes on: its Location, looked up from where it was asked for.
  std::string locationOf(const WebAnswer& answer) const;
  std::string beginUpload();
  enum class Sent { done, tokenRefused, inPieces };
  Sent sendWhole(const std::string& location, const store::Descriptor& blob, const Content& content);
  void sendPieces(const store::Descriptor& blob, const Content& content);
  /// From `done` on; returns how far it came when the connection broke off.
  std::uint64_t readFrom(std::uint64_t done, const store::Descriptor& blob, base::ByteSink& out);

  detail::AuthorizedClient client_;
  const store::RepositoryName repository_;
  const ClientOptions::Rights rights_;
  bool renewed_ = false;  // the token of the blob being sent, once
};

std::string RegistryClient::Exchange::scopes() const {
  return "repository:" + repository_.str() +
         (rights_ == ClientOptions::Rights::push ? ":pull,push" : ":pull");
}

RemoteManifest RegistryClient::Exchange::manifest(const std::string& reference) {
  WebAnswer& answer = client_.send(
      {.method = "GET", .url = path("/manifests/" + reference), .headers = {{"Accept", kManifestTypes}}},
      scopes());
  const std::string doing = "reading " + repository_.str() + " " + reference;
  if (answer.status() == 404)
    throw Error(Errc::notFound, "there is no image " + client_.host() + "/" + repository_.str() +
                                    (reference.find(':') == std::string::npos ? ":" : "@") + reference +
                                    ": check its name and its tag");
  if (answer.status() != 200) client_.refuse(answer, doing);
  const std::string type = mediaTypeOf(answer.header("Content-Type"));
  const auto named = store::Digest::tryParse(reference);
  const auto told = store::Digest::tryParse(answer.header("Docker-Content-Digest"));
  std::string bytes = answer.text(kMaxManifest);
  const auto algorithm = named ? named->algorithm() : base::DigestAlgorithm::sha256;
  RemoteManifest manifest{type, std::move(bytes), store::Digest::of("")};
  manifest.digest = store::Digest::of(manifest.bytes, algorithm);
  const bool wrong = (named && *named != manifest.digest) ||
                     (told && store::Digest::of(manifest.bytes, told->algorithm()) != *told);
  if (wrong) throw Error(Errc::corrupt, doing + ": it is not what its digest says");
  return manifest;
}

std::uint64_t RegistryClient::Exchange::readFrom(std::uint64_t done, const store::Descriptor& blob,
                                                 base::ByteSink& out) {
  WebRequest request{.method = "GET", .url = path("/blobs/" + blob.digest.str()), .headers = {}};
  if (done > 0) request.headers.emplace_back("Range", "bytes=" + std::to_string(done) + "-");
  WebAnswer& answer = client_.send(request, scopes());
  const int status = answer.status();
  if (status != 200 && status != 206) client_.refuse(answer, "reading " + blob.digest.str());
  std::uint64_t skip = status == 200 ? done : 0;  // it knows no ranges
  if (status == 206 && !answer.header("Content-Range").starts_with("bytes " + std::to_string(done) + "-"))
    throw Error(Errc::unavailable, "reading " + blob.digest.str() + ": another range was sent");
  std::string buffer(128u << 10, '\0');
  std::uint64_t at = done;
  while (true) {
    std::size_t got = 0;
    try {
      got = answer.read(buffer.data(), buffer.size());
    } catch (const Error& error) {
      if (error.code() == Errc::unavailable && at > done) return at;
      throw;
    }
    if (got == 0) return at;
    const std::size_t skipped = std::min<std::uint64_t>(skip, got);
    skip -= skipped;
    if (at + (got - skipped) > blob.sizeBytes)
      throw Error(Errc::corrupt, blob.digest.str() + " is longer than its manifest says");
    out.write(std::string_view(buffer).substr(skipped, got - skipped));
    at += got - skipped;
  }
}

void RegistryClient::Exchange::readBlob(const store::Descriptor& blob, base::ByteSink& out) {
  base::Hasher hasher(blob.digest.algorithm());
  struct Tee : base::ByteSink {
    Tee(base::Hasher& theHasher, base::ByteSink& theOut) : hasher(theHasher), out(theOut) {}
    void write(std::string_view bytes) override {
      hasher.update(bytes);
      out.write(bytes);
      written += bytes.size();
    }
    base::Hasher& hasher;
    base::ByteSink& out;
    std::uint64_t written = 0;
  } tee(hasher, out);
  for (int attempt = 1;; ++attempt) {
    try {
      readFrom(tee.written, blob, tee);
    } catch (const Error& error) {
      if (error.code() != Errc::unavailable || attempt == kReadAttempts) throw;
    }
    if (tee.written == blob.sizeBytes) break;
    if (attempt == kReadAttempts)
      throw Error(Errc::unavailable, "reading " + blob.digest.str() + ": it broke off " +
                                         std::to_string(kReadAttempts) + " times");
    detail::stoppablePause(kReadPause * attempt, client_.stop());
  }
  if (hasher.finish() != blob.digest)
    throw Error(Errc::corrupt, blob.digest.str() + " is not what its digest says");
}

std::string RegistryClient::Exchange::locationOf(const WebAnswer& answer) const {
  const std::string location = answer.header("Location");
  if (location.empty())
    throw Error(Errc::unavailable, "the registry says nowhere where an upload goes on (Location)");
  return Poco::URI(Poco::URI(client_.base() + path("/blobs/uploads/")), location).toString();
}

std::string RegistryClient::Exchange::beginUpload() {
  WebAnswer& answer =
      client_.send({.method = "POST", .url = path("/blobs/uploads/"), .headers = {}}, scopes());
  if (answer.status() != 202) client_.refuse(answer, "beginning an upload to " + repository_.str());
  return locationOf(answer);
}

RegistryClient::Exchange::Sent RegistryClient::Exchange::sendWhole(const std::string& location,
                                                                   const store::Descriptor& blob,
                                                                   const Content& content) {
  const auto bytes = content();
  const WebBody body{*bytes, blob.sizeBytes};
  WebAnswer& answer = client_.send({.method = "PUT",
                                    .url = withDigest(location, blob.digest),
                                    .headers = {{"Content-Type", "application/octet-stream"}},
                                    .body = &body},
                                   scopes());
  if (answer.status() == 201) return Sent::done;
  if (answer.status() == 401 && !renewed_) {
    renewed_ = true;
    return Sent::tokenRefused;
  }
  if (mayTakePieces(answer.status())) return Sent::inPieces;
  client_.refuse(answer, "sending " + blob.digest.str());
}

void RegistryClient::Exchange::sendPieces(const store::Descriptor& blob, const Content& content) {
  std::string location = beginUpload();
  const auto bytes = content();
  for (std::uint64_t done = 0; done < blob.sizeBytes;) {
    const std::uint64_t count = std::min(kChunkBytes, blob.sizeBytes - done);
    const WebBody body{*bytes, count};
    WebAnswer& answer = client_.send(
        {.method = "PATCH",
         .url = location,
         .headers = {{"Content-Type", "application/octet-stream"},
                     {"Content-Range", std::to_string(done) + "-" + std::to_string(done + count - 1)}},
         .body = &body},
        scopes());
    if (answer.status() != 202) client_.refuse(answer, "sending " + blob.digest.str() + " in pieces");
    location = locationOf(answer);
    done += count;
  }
  WebAnswer& answer =
      client_.send({.method = "PUT", .url = withDigest(location, blob.digest), .headers = {}}, scopes());
  if (answer.status() != 201) client_.refuse(answer, "sending " + blob.digest.str() + " in pieces");
}

RegistryClient::Pushed RegistryClient::Exchange::pushBlob(const store::Descriptor& blob,
                                                          const Content& content,
                                                          const std::optional<store::RepositoryName>& from) {
  WebAnswer& head =
      client_.send({.method = "HEAD", .url = path("/blobs/" + blob.digest.str()), .headers = {}}, scopes());
  if (head.status() == 200) return Pushed::present;
  if (head.status() != 404) client_.refuse(head, "looking for " + blob.digest.str());
  std::string location;
  if (from) {
    WebAnswer& answer =
        client_.send({.method = "POST",
                      .url = path("/blobs/uploads/?mount=" + blob.digest.str() + "&from=" + from->str()),
                      .headers = {}},
                     scopes() + " repository:" + from->str() + ":pull");
    if (answer.status() == 201) return Pushed::mounted;
    if (answer.status() == 202) location = locationOf(answer);  // it began an upload instead
  }
  renewed_ = false;
  while (true) {
    if (location.empty()) location = beginUpload();
    const Sent sent = sendWhole(location, blob, content);
    if (sent == Sent::inPieces) sendPieces(blob, content);
    if (sent != Sent::tokenRefused) return Pushed::sent;
    location.clear();
  }
}

void RegistryClient::Exchange::pushManifest(const std::string& reference, const store::Manifest& manifest) {
  const auto send = [&]() -> WebAnswer& {
    TextSource bytes(manifest.bytes);
    const WebBody body{bytes, manifest.bytes.size()};
    return client_.send({.method = "PUT",
                         .url = path("/manifests/" + reference),
                         .headers = {{"Content-Type", manifest.mediaType}},
                         .body = &body},
                        scopes());
  };
  WebAnswer* answer = &send();
  if (answer->status() == 401) answer = &send();  // with a new token
  if (answer->status() != 201) client_.refuse(*answer, "sending the manifest " + reference);
  const auto told = store::Digest::tryParse(answer->header("Docker-Content-Digest"));
  if (told && *told != manifest.digest)
    throw Error(Errc::corrupt, "the registry took the manifest for another: " + told->str());
}

RegistryClient::RegistryClient(const ClientOptions& options, std::stop_token stop)
    : exchange_(std::make_unique<Exchange>(options, std::move(stop))) {}

RegistryClient::~RegistryClient() = default;

RemoteManifest RegistryClient::manifest(const std::string& reference) {
  return exchange_->manifest(reference);
}

void RegistryClient::readBlob(const store::Descriptor& blob, base::ByteSink& out) {
  exchange_->readBlob(blob, out);
}

RegistryClient::Pushed RegistryClient::pushBlob(const store::Descriptor& blob, const Content& content,
                                                const std::optional<store::RepositoryName>& from) {
  return exchange_->pushBlob(blob, content, from);
}

void RegistryClient::pushManifest(const std::string& reference, const store::Manifest& manifest) {
  exchange_->pushManifest(reference, manifest);
}

std::chrono::seconds RegistryClient::retryAfter() const {
  return exchange_->retryAfter();
}

}  // namespace registry
