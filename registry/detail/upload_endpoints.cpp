#include "registry/detail/upload_endpoints.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "base/timed_scope.h"
#include "registry/detail/content_range.h"

namespace registry::detail {
namespace {

using base::HttpRequest;
using store::Digest;
using store::RepositoryName;

constexpr std::size_t kBufferBytes = 512u << 10;
constexpr std::size_t kMaxMountSources = 100;

using PieceBuffer = std::unique_ptr<char, decltype(&std::free)>;

/// Aligned as UploadStore::Upload::append() likes it.
PieceBuffer makePieceBuffer(std::size_t size) {
  constexpr std::size_t kAlignment = store::UploadStore::Upload::kPieceAlignment;
  const std::size_t whole = (size + kAlignment - 1) / kAlignment * kAlignment;
  PieceBuffer buffer(static_cast<char*>(std::aligned_alloc(kAlignment, whole)), &std::free);
  if (!buffer) throw std::bad_alloc();
  return buffer;
}

/// As the Range header of an upload has it. One without a byte is "0-0", too: the specification has no word
/// for it, and clients know this one.
std::string receivedRange(std::uint64_t sizeBytes) {
  return "0-" + std::to_string(sizeBytes == 0 ? 0 : sizeBytes - 1);
}

void describeUpload(const Exchange& exchange, const std::string& uuid, std::uint64_t sizeBytes) {
  exchange.response.set("Location", locationOf(exchange, "blobs/uploads", uuid));
  exchange.response.set("Docker-Upload-UUID", uuid);
  exchange.response.set("Range", receivedRange(sizeBytes));
}

void sendCreated(const Exchange& exchange, const Digest& digest) {
  for (const char* header : {"Range", "Docker-Upload-UUID"})
    exchange.response.erase(header);
  exchange.response.set("Location", locationOf(exchange, "blobs", digest.str()));
  exchange.response.set("Docker-Content-Digest", digest.str());
  sendStatus(exchange, 201);
}

/// Of a body that is not chunked.
std::optional<std::uint64_t> announcedBytes(const HttpRequest& request) {
  if (request.getChunkedTransferEncoding() || !request.hasContentLength()) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(request.getContentLength64(), 0));
}

/// Counts, at its end, where the time of one request's bytes went.
class CountedTimes {
 public:
  CountedTimes(RegistryMetrics& metrics, store::UploadStore::Upload& upload)
      : metrics_(metrics), times_(upload.times()) {}
  ~CountedTimes() {
    using Phase = RegistryMetrics::Phase;
    metrics_.spent(Phase::receive, times_.receive);
    metrics_.spent(Phase::write, times_.write);
    metrics_.spent(Phase::hash, times_.hash);
    metrics_.spent(Phase::sync, times_.sync);
    metrics_.spent(Phase::commit, times_.commit);
  }
  CountedTimes(const CountedTimes&) = delete;
  CountedTimes& operator=(const CountedTimes&) = delete;

 private:
  RegistryMetrics& metrics_;
  const store::UploadTimes& times_;
};

Refusal sizeInvalid(const std::string& message) {
  return {400, "SIZE_INVALID", message};
}

}  // namespace

bool UploadEndpoints::mayRead(const Exchange& exchange, const RepositoryName& repository) const {
  return access_({.action = Action::mount,
                  .repository = repository.str(),
                  .authorization = exchange.request.get("Authorization", ""),
                  .fromLoopback = isFromLoopback(exchange.request)}) == Verdict::allowed;
}

/// One row, no copy. Only from where the caller may read it.
bool UploadEndpoints::mount(const Exchange& exchange, const Digest& digest) {
  std::vector<RepositoryName> sources;
  if (const auto from = exchange.asked.parameter("from")) {
    if (const auto name = RepositoryName::tryParse(*from)) sources.push_back(*name);
  } else {
    sources = parts_.rows.holders(digest, kMaxMountSources);
  }
  for (const RepositoryName& source : sources) {
    if (!mayRead(exchange, source)) continue;
    const auto size = parts_.releases.blobSize(source, digest);
    if (!size || parts_.blobs.size(digest) != *size) continue;  // damaged: to be sent again
    if (parts_.rows.mountBlob(exchange.repository, source, digest)) return true;
  }
  return false;
}

Outcome UploadEndpoints::startAt(const Exchange& exchange, base::DigestAlgorithm algorithm) {
  describeUpload(exchange, parts_.uploads.begin(exchange.repository, algorithm, exchange.user), 0);
  sendStatus(exchange, 202);
  return std::nullopt;
}

Outcome UploadEndpoints::begin(const Exchange& exchange) {
  auto algorithm = base::DigestAlgorithm::sha256;
  if (const auto named = exchange.asked.parameter("digest-algorithm")) {
    const auto known = base::parseDigestAlgorithm(*named);
    if (!known) return Refusal{400, "DIGEST_INVALID", "digest-algorithm is sha256 or sha512"};
    algorithm = *known;
  }
  if (const auto wanted = exchange.asked.parameter("mount")) {
    const auto digest = Digest::tryParse(*wanted);
    if (!digest) return digestInvalid();
    if (!mount(exchange, *digest)) return startAt(exchange, digest->algorithm());
    sendCreated(exchange, *digest);
    return std::nullopt;
  }
  const auto named = exchange.asked.parameter("digest");
  if (!named) return startAt(exchange, algorithm);
  const auto digest = Digest::tryParse(*named);
  if (!digest) return digestInvalid();
  const std::string uuid = parts_.uploads.begin(exchange.repository, digest->algorithm(), exchange.user);
  Outcome outcome;
  {
    const auto upload = parts_.uploads.open(exchange.repository, uuid);
    outcome = refuseBody(exchange, *upload);
    const CountedTimes counted(exchange.metrics, *upload);
    if (!outcome) outcome = receive(exchange, *upload);
    if (!outcome) return finish(exchange, *upload, *digest);
  }
  parts_.uploads.cancel(exchange.repository, uuid);  // nobody knows its name
  return outcome;
}

/// What can be said before the first byte is read.
Outcome UploadEndpoints::refuseBody(const Exchange& exchange, const Upload& upload) const {
  const auto announced = announcedBytes(exchange.request);
  const std::uint64_t limit = parts_.uploads.limits().maxBytes;
  if (announced && *announced > limit - std::min(limit, upload.sizeBytes())) {
    return Refusal{413, "SIZE_INVALID",
                   "the blob is larger than " + std::to_string(limit) +
                       " bytes; raise blob_max_bytes on the server to push it"};
  }
  if (!exchange.request.has("Content-Range")) return std::nullopt;
  const auto range = parseContentRange(exchange.request.get("Content-Range"));
  if (!range) return Refusal{400, "BLOB_UPLOAD_INVALID", "Content-Range is FIRST-LAST, both counted from 0"};
  if (announced && *announced != range->length())
    return sizeInvalid("Content-Range and Content-Length say different lengths");
  if (range->first != upload.sizeBytes()) {
    describeUpload(exchange, upload.uuid(), upload.sizeBytes());
    return Refusal{416, "BLOB_UPLOAD_INVALID",
                   "chunks come in order; the next one begins at " + std::to_string(upload.sizeBytes())};
  }
  return std::nullopt;
}

Outcome UploadEndpoints::receive(const Exchange& exchange, Upload& upload) const {
  const auto range = parseContentRange(exchange.request.get("Content-Range", ""));
  const std::uint64_t end = range ? range->last + 1 : 0;
  base::RequestBody body(exchange.request);
  const std::size_t size =
      std::clamp<std::uint64_t>(announcedBytes(exchange.request).value_or(kBufferBytes), 1, kBufferBytes);
  const PieceBuffer buffer = makePieceBuffer(size);
  const auto readPiece = [&] {
    const base::TimedScope timed(upload.times().receive);
    return body.read(buffer.get(), size);
  };
  while (const std::size_t count = readPiece()) {
    if (range && count > end - upload.sizeBytes())
      return sizeInvalid("the chunk is longer than its Content-Range says");
    upload.append({buffer.get(), count});
    exchange.metrics.received(count);
  }
  if (range && upload.sizeBytes() != end)
    return sizeInvalid("the chunk is shorter than its Content-Range says");
  return std::nullopt;
}

Outcome UploadEndpoints::appendChunk(const Exchange& exchange) {
  auto upload = parts_.uploads.open(exchange.repository, exchange.asked.reference);
  if (!upload) return uploadUnknown();
  if (auto refusal = refuseBody(exchange, *upload)) return refusal;
  {
    const CountedTimes counted(exchange.metrics, *upload);
    if (auto refusal = receive(exchange, *upload)) return refusal;
    upload->sync();
  }
  describeUpload(exchange, upload->uuid(), upload->sizeBytes());
  upload.reset();  // the next request may be here before this function has ended
  sendStatus(exchange, 202);
  return std::nullopt;
}

Outcome UploadEndpoints::complete(const Exchange& exchange) {
  const auto upload = parts_.uploads.open(exchange.repository, exchange.asked.reference);
  if (!upload) return uploadUnknown();
  const auto digest = Digest::tryParse(exchange.asked.parameter("digest").value_or(""));
  if (!digest) return digestInvalid();
  if (auto refusal = refuseBody(exchange, *upload)) return refusal;
  upload->expect(digest->algorithm());
  const CountedTimes counted(exchange.metrics, *upload);
  if (auto refusal = receive(exchange, *upload)) return refusal;
  return finish(exchange, *upload, *digest);
}

Outcome UploadEndpoints::finish(const Exchange& exchange, Upload& upload, const Digest& digest) {
  if (!upload.commit(digest)) {
    return Refusal{400, "DIGEST_INVALID",
                   "the content that came is not that of the digest; start the upload again"};
  }
  sendCreated(exchange, digest);
  return std::nullopt;
}

Outcome UploadEndpoints::sendStatusOf(const Exchange& exchange) {
  const std::string& uuid = exchange.asked.reference;
  const auto sizeBytes = parts_.uploads.durableBytes(exchange.repository, uuid);
  if (!sizeBytes) return uploadUnknown();
  describeUpload(exchange, uuid, *sizeBytes);
  sendStatus(exchange, 204);
  return std::nullopt;
}

Outcome UploadEndpoints::cancel(const Exchange& exchange) {
  if (!parts_.uploads.cancel(exchange.repository, exchange.asked.reference)) return uploadUnknown();
  sendStatus(exchange, 204);
  return std::nullopt;
}

}  // namespace registry::detail
