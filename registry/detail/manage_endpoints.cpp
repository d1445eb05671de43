#include "registry/detail/manage_endpoints.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/strings.h"
#include "base/timed_scope.h"
#include "registry/detail/manifest_json.h"

namespace registry::detail {
namespace {

using base::HttpRequest;
using store::Digest;
using store::Removal;
using store::RepositoryName;

constexpr std::size_t kMaxTags = 100;
constexpr std::size_t kMaxNamedInWarning = 5;

/// nullopt when it is longer than the limit.
std::optional<std::string> readWhole(HttpRequest& request, std::size_t maxBytes) {
  const bool announced = !request.getChunkedTransferEncoding() && request.hasContentLength();
  if (announced && request.getContentLength64() > static_cast<std::int64_t>(maxBytes)) return std::nullopt;
  base::RequestBody body(request);
  std::string bytes;
  std::array<char, 16384> buffer{};
  while (const std::size_t count = body.read(buffer.data(), buffer.size())) {
    if (count > maxBytes - bytes.size()) return std::nullopt;
    bytes.append(buffer.data(), count);
  }
  return bytes;
}

std::string listOf(const std::vector<Digest>& digests) {
  std::vector<std::string> words;
  for (const Digest& each : digests) {
    if (words.size() == kMaxNamedInWarning) {
      words.push_back("and " + std::to_string(digests.size() - words.size()) + " more");
      break;
    }
    words.push_back(each.str());
  }
  return base::join(words, ", ");
}

Refusal denied(const std::string& message) {
  return {403, "DENIED", message};
}

}  // namespace

/// What a PUT names.
struct ManageEndpoints::Target {
  std::optional<Digest> digest;
  std::vector<std::string> tags;
};

Outcome ManageEndpoints::refuseWrite(const Exchange& exchange) const {
  if (exchange.repository.firstWord() == "stacks")
    return denied(
        "what is below stacks/ is made here; import an image as a stack with fairlead stacks:import");
  const HttpRequest& request = exchange.request;
  if (options_.minFreeBytes == 0 || request.getMethod() == HttpRequest::HTTP_DELETE) return std::nullopt;
  const bool announced = !request.getChunkedTransferEncoding() && request.hasContentLength();
  const auto coming =
      announced ? static_cast<std::uint64_t>(std::max<std::int64_t>(request.getContentLength64(), 0)) : 0;
  const std::uint64_t free = parts_.blobs.freeBytes();
  if (free >= options_.minFreeBytes && free - options_.minFreeBytes >= coming) return std::nullopt;
  return diskFull();
}

/// Tags that say what an app's releases are: pushed ones would lie about them.
Outcome ManageEndpoints::refuseTag(const RepositoryName& repository, const std::string& tag) {
  if (!store::isReleaseTag(tag)) return std::nullopt;
  const auto app = store::AppName::tryParse(repository.firstWord());
  if (!app || !parts_.releases.findApp(*app)) return std::nullopt;
  return denied("the tag " + tag + " says what a release of the app " + app->str() +
                " is, and comes with the release; push under another tag");
}

Outcome ManageEndpoints::targetOf(const Exchange& exchange, Target& target) {
  const std::string& reference = exchange.asked.reference;
  if (reference.find(':') != std::string::npos) {
    target.digest = Digest::tryParse(reference);
    if (!target.digest) return digestInvalid();
    const auto [first, last] = exchange.asked.query.equal_range("tag");
    for (auto each = first; each != last; ++each)
      target.tags.push_back(each->second);
  } else {
    target.tags.push_back(reference);
  }
  if (target.tags.size() > kMaxTags)
    return Refusal{414, "TAG_INVALID", "at most " + std::to_string(kMaxTags) + " tags can be put at once"};
  for (const std::string& tag : target.tags) {
    if (!store::isTag(tag))
      return Refusal{400, "TAG_INVALID", "a tag is 1 to 128 letters, digits, '_', '.' and '-'"};
    if (auto refusal = refuseTag(exchange.repository, tag)) return refusal;
  }
  return std::nullopt;
}

Outcome ManageEndpoints::putManifest(const Exchange& exchange) {
  Target target;
  if (auto refusal = targetOf(exchange, target)) return refusal;
  const auto bytes = readWhole(exchange.request, options_.manifestMaxBytes);
  if (!bytes) {
    return Refusal{413, "SIZE_INVALID",
                   "the manifest is larger than " + std::to_string(options_.manifestMaxBytes) +
                       " bytes; raise manifest_max_bytes on the server to push it"};
  }
  exchange.metrics.received(bytes->size());
  const auto algorithm = target.digest ? target.digest->algorithm() : base::DigestAlgorithm::sha256;
  if (target.digest && Digest::of(*bytes, algorithm) != *target.digest) return digestInvalid();
  return putParsed(exchange, target,
                   parseManifest(*bytes, exchange.request.get("Content-Type", ""), algorithm));
}

/// What the repository holds by its rows, while the disk has it no more or of another size: the pusher was
/// told that it is here before that was found. Sparse is only what it never had.
Outcome ManageEndpoints::refuseLost(const Exchange& exchange, const store::PushedManifest& pushed) {
  std::vector<Digest> lost;
  for (const store::Descriptor& blob : pushed.manifest.blobs) {
    const auto onDisk = parts_.blobs.size(blob.digest);
    if (onDisk == blob.sizeBytes) continue;
    const auto held = parts_.releases.blobSize(exchange.repository, blob.digest);
    if (held && onDisk != held) lost.push_back(blob.digest);
  }
  if (lost.empty()) return std::nullopt;
  return Refusal{
      404, "MANIFEST_BLOB_UNKNOWN",
      "the manifest names what was damaged and is not here any more; push it again: " + listOf(lost)};
}

Outcome ManageEndpoints::putParsed(const Exchange& exchange, const Target& target,
                                   const store::PushedManifest& pushed) {
  if (auto refusal = refuseLost(exchange, pushed)) return refusal;
  std::chrono::steady_clock::duration commit{};
  const auto result = [&] {
    const base::TimedScope timed(commit);
    return parts_.rows.putManifest(exchange.repository, pushed, target.tags, options_.missingContent);
  }();
  exchange.metrics.spent(RegistryMetrics::Phase::commit, commit);
  if (!result.otherSize.empty()) {
    return Refusal{400, "MANIFEST_INVALID",
                   "the manifest gives another size than what was pushed has: " + listOf(result.otherSize)};
  }
  if (!result.stored) {
    return Refusal{
        404, "MANIFEST_BLOB_UNKNOWN",
        "the manifest names what this repository does not hold; push it first: " + listOf(result.missing)};
  }
  base::HttpResponse& response = exchange.response;
  if (!result.missing.empty()) {
    response.set("Warning", "299 - \"the manifest names what this repository does not hold: " +
                                listOf(result.missing) + "\"");
  }
  response.set("Location", locationOf(exchange, "manifests", pushed.manifest.digest.str()));
  response.set("Docker-Content-Digest", pushed.manifest.digest.str());
  if (pushed.subject) response.set("OCI-Subject", pushed.subject->str());
  if (target.digest && !target.tags.empty()) response.set("OCI-Tag", base::join(target.tags, ", "));
  sendStatus(exchange, 201);
  return std::nullopt;
}

Outcome ManageEndpoints::removeManifest(const Exchange& exchange) {
  const std::string& reference = exchange.asked.reference;
  Removal removal{};
  if (reference.find(':') == std::string::npos) {
    if (auto refusal = refuseTag(exchange.repository, reference)) return refusal;
    removal = parts_.rows.removeTag(exchange.repository, reference);
  } else {
    const auto digest = Digest::tryParse(reference);
    if (!digest) return digestInvalid();
    removal = parts_.rows.removeManifest(exchange.repository, *digest);
  }
  if (removal == Removal::unknown) return manifestUnknown();
  if (removal == Removal::inUse)
    return denied("this is the image of a release, which goes with its app or by garbage collection");
  sendStatus(exchange, 202);
  return std::nullopt;
}

Outcome ManageEndpoints::removeBlob(const Exchange& exchange) {
  const auto digest = Digest::tryParse(exchange.asked.reference);
  if (!digest) return digestInvalid();
  const Removal removal = parts_.rows.removeBlob(exchange.repository, *digest);
  if (removal == Removal::unknown) return blobUnknown();
  if (removal == Removal::inUse) {
    exchange.response.set("Allow", "GET, HEAD");
    return Refusal{405, "DENIED", "a manifest of this repository names the blob; delete the manifest first"};
  }
  sendStatus(exchange, 202);
  return std::nullopt;
}

}  // namespace registry::detail
