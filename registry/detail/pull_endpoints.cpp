#include "registry/detail/pull_endpoints.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/strings.h"

namespace registry::detail {
namespace {

using base::HttpRequest;
using base::HttpResponse;
using store::Digest;

constexpr std::size_t kMaxPage = 1000;
constexpr const char* kForever = "max-age=31536000, immutable";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

bool isHead(const Exchange& exchange) {
  return exchange.request.getMethod() == HttpRequest::HTTP_HEAD;
}

bool matchesEtag(const HttpRequest& request, const std::string& etag) {
  for (const std::string& part : base::split(request.get("If-None-Match", ""), ',')) {
    std::string_view candidate = base::trim(part);
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == "*" || candidate == etag) return true;
  }
  return false;
}

/// n and last of a list request. (OCI distribution-spec, Listing Tags.)
struct Page {
  std::size_t limit = kMaxPage;
  std::string last;
};

std::optional<Page> pageOf(const RegistryRequest& request) {
  Page page{.limit = kMaxPage, .last = request.parameter("last").value_or("")};
  if (const auto n = request.parameter("n")) {
    std::uint64_t number = 0;
    if (!base::parseNumber(*n, number)) return std::nullopt;
    page.limit = std::min<std::uint64_t>(number, kMaxPage);
  }
  return page;
}

Refusal pageInvalid() {
  return {400, "PAGINATION_NUMBER_INVALID", "n is not a number"};
}

/// A list to send in pages.
struct Listing {
  base::JsonObject::Ptr body;
  std::string member;
  std::vector<std::string> names;
};

std::string pathOf(const HttpRequest& request) {
  return request.getURI().substr(0, request.getURI().find('?'));
}

/// Sends one page and, when there is more, the link to the next. The names are at most one more than the page
/// holds: that tells.
void sendPage(HttpRequest& request, HttpResponse& response, const Page& page, Listing listing) {
  auto& [body, member, names] = listing;
  if (names.size() > page.limit) {
    names.resize(page.limit);
    if (!names.empty()) {
      response.set("Link", "<" + pathOf(request) + "?n=" + std::to_string(page.limit) +
                               "&last=" + names.back() + ">; rel=\"next\"");
    }
  }
  auto array = base::makeJsonArray();
  for (const std::string& name : names)
    array->add(name);
  body->set(member, array);
  base::sendJson(request, response, 200, base::toJson(body));
}

std::string referrerJson(const store::Referrer& referrer) {
  const auto& [mediaType, digest, sizeBytes] = referrer.manifest;
  std::string json = "{\"mediaType\":" + base::jsonQuote(mediaType) + ",\"digest\":\"" + digest.str() +
                     "\",\"size\":" + std::to_string(sizeBytes);
  if (!referrer.artifactType.empty()) json += ",\"artifactType\":" + base::jsonQuote(referrer.artifactType);
  if (!referrer.annotations.empty()) json += ",\"annotations\":" + referrer.annotations;
  return json + "}";
}

/// For a query's value.
std::string percentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_' || c == '/' || c == ':';
    encoded += plain ? std::string(1, c) : "%" + base::toHex(std::string_view(&c, 1));
  }
  return encoded;
}

void countSent(const Exchange& exchange) {
  if (isHead(exchange) || exchange.response.getStatus() >= 300) return;
  exchange.metrics.sent(static_cast<std::uint64_t>(exchange.response.getContentLength64()));
}

}  // namespace

Refusal PullEndpoints::unknown(const Exchange& exchange, const Refusal& thing) {
  return parts_.releases.tags(exchange.repository, "", 0) ? thing : nameUnknown();
}

Outcome PullEndpoints::sendCatalog(HttpRequest& request, HttpResponse& response,
                                   const RegistryRequest& asked) {
  const auto page = pageOf(asked);
  if (!page) return pageInvalid();
  std::vector<std::string> names;
  for (const auto& name : parts_.releases.repositories(page->last, page->limit + 1))
    names.push_back(name.str());
  sendPage(request, response, *page, {base::makeJsonObject(), "repositories", std::move(names)});
  return std::nullopt;
}

Outcome PullEndpoints::sendTags(const Exchange& exchange) {
  const auto page = pageOf(exchange.asked);
  if (!page) return pageInvalid();
  auto names = parts_.releases.tags(exchange.repository, page->last, page->limit + 1);
  if (!names) return nameUnknown();
  auto body = base::makeJsonObject();
  body->set("name", exchange.repository.str());
  sendPage(exchange.request, exchange.response, *page, {body, "tags", *std::move(names)});
  return std::nullopt;
}

Outcome PullEndpoints::sendManifest(const Exchange& exchange) {
  const std::string& reference = exchange.asked.reference;
  const bool byDigest = reference.find(':') != std::string::npos;
  const auto digest = Digest::tryParse(reference);
  if (byDigest && !digest) return digestInvalid();
  if (digest && isHead(exchange)) parts_.blobs.leases().renew(*digest);  // an index may be to come
  const auto manifest = byDigest ? parts_.releases.findManifest(exchange.repository, *digest)
                                 : parts_.releases.findManifestByTag(exchange.repository, reference);
  if (!manifest) return unknown(exchange, manifestUnknown());
  const std::string etag = "\"" + manifest->digest.str() + "\"";
  exchange.response.set("Docker-Content-Digest", manifest->digest.str());
  exchange.response.set("ETag", etag);
  // A tag moves: it may be kept but must be asked about again.
  exchange.response.set("Cache-Control", byDigest ? kForever : "no-cache");
  // Whatever Accept says: there is one form of a manifest, and another would have another digest.
  const int status = matchesEtag(exchange.request, etag) ? 304 : 200;
  base::sendBody(exchange.request, exchange.response, status, manifest->mediaType, manifest->bytes);
  countSent(exchange);
  return std::nullopt;
}

Outcome PullEndpoints::sendBlob(const Exchange& exchange) {
  const auto digest = Digest::tryParse(exchange.asked.reference);
  if (!digest) return digestInvalid();
  // Who asks for the head of it may be about to push an image that names it, and to send all but this.
  if (isHead(exchange)) parts_.blobs.leases().renew(*digest);
  const auto sizeBytes = parts_.releases.blobSize(exchange.repository, *digest);
  if (!sizeBytes) return unknown(exchange, blobUnknown());
  std::vector<std::unique_ptr<base::ServedFile>> files;
  files.push_back(parts_.blobs.openToSend(*digest, *sizeBytes));
  exchange.response.set("Docker-Content-Digest", digest->str());
  exchange.response.set("Cache-Control", kForever);
  base::sendFiles(exchange.request, exchange.response, files, "application/octet-stream", digest->str());
  countSent(exchange);
  return std::nullopt;
}

Outcome PullEndpoints::sendReferrers(const Exchange& exchange) {
  const auto subject = Digest::tryParse(exchange.asked.reference);
  if (!subject) return digestInvalid();
  const std::string type = exchange.asked.parameter("artifactType").value_or("");
  const auto page = parts_.rows.referrers(
      exchange.repository,
      {.subject = *subject, .artifactType = type, .last = exchange.asked.parameter("last").value_or("")});
  std::string body = "{\"schemaVersion\":2,\"mediaType\":\"" + std::string(kIndexType) + "\",\"manifests\":[";
  for (const store::Referrer& each : page.items)
    body += (&each == &page.items.front() ? "" : ",") + referrerJson(each);
  body += "]}";
  if (!type.empty()) exchange.response.set("OCI-Filters-Applied", "artifactType");
  if (page.more) {
    exchange.response.set(
        "Link", "<" + pathOf(exchange.request) + "?last=" + page.items.back().manifest.digest.str() +
                    (type.empty() ? "" : "&artifactType=" + percentEncoded(type)) + ">; rel=\"next\"");
  }
  base::sendBody(exchange.request, exchange.response, 200, kIndexType, body);
  return std::nullopt;
}

}  // namespace registry::detail
