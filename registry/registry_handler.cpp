#include "registry/registry_handler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "registry/detail/registry_request.h"

namespace registry {
namespace {

using base::HttpRequest;
using base::HttpResponse;
using detail::RegistryRequest;
using store::Digest;
using store::RepositoryName;

constexpr std::size_t kMaxPage = 1000;
constexpr const char* kForever = "max-age=31536000, immutable";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

/// A refusal in the specification's words. (OCI distribution-spec, Error Codes.)
struct Refusal {
  int status;
  const char* code;
  std::string message;
};

Refusal nameUnknown() {
  return {404, "NAME_UNKNOWN", "repository name not known to registry"};
}
Refusal nameInvalid() {
  return {400, "NAME_INVALID", "invalid repository name"};
}
Refusal digestInvalid() {
  return {400, "DIGEST_INVALID", "a digest is sha256: and 64 lowercase hex digits"};
}
Refusal manifestUnknown() {
  return {404, "MANIFEST_UNKNOWN", "manifest unknown to registry"};
}
Refusal blobUnknown() {
  return {404, "BLOB_UNKNOWN", "blob unknown to registry"};
}

std::string errorBody(const char* code, const std::string& message) {
  auto error = base::makeJsonObject();
  error->set("code", code);
  error->set("message", message);
  error->set("detail", base::makeJsonObject());
  auto errors = base::makeJsonArray();
  errors->add(error);
  auto body = base::makeJsonObject();
  body->set("errors", errors);
  return base::toJson(body);
}

Refusal refusalOf(base::Errc code, const std::string& message) {
  const int status = base::httpStatus(code);
  switch (code) {
    case base::Errc::notFound:
      return blobUnknown();  // only a blob's file can vanish under a request
    case base::Errc::unauthenticated:
      return {status, "UNAUTHORIZED", message};
    case base::Errc::permissionDenied:
      return {status, "DENIED", message};
    case base::Errc::overloaded:
      return {status, "TOOMANYREQUESTS", message};
    default:
      return {status, "UNKNOWN", message};
  }
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
  Page page;
  if (const auto last = request.query.find("last"); last != request.query.end()) page.last = last->second;
  if (const auto n = request.query.find("n"); n != request.query.end()) {
    std::uint64_t number = 0;
    if (!base::parseNumber(n->second, number)) return std::nullopt;
    page.limit = std::min<std::uint64_t>(number, kMaxPage);
  }
  return page;
}

/// A list to send in pages.
struct Listing {
  base::JsonObject::Ptr body;
  std::string member;
  std::vector<std::string> names;
};

class Handler : public base::HttpHandler {
 public:
  Handler(store::ReleaseStore& releases, store::DiskBlobStore& blobs, const PullAccess& access)
      : releases_(releases), blobs_(blobs), access_(access) {}

 protected:
  void handle(HttpRequest& request, HttpResponse& response) override;
  void writeError(HttpRequest& request, HttpResponse& response, base::Errc code,
                  const std::string& message) override;

 private:
  using Outcome = std::optional<Refusal>;  // nullopt: answered

  Outcome answer(HttpRequest& request, HttpResponse& response);
  Outcome serveRepository(HttpRequest& request, HttpResponse& response, const RegistryRequest& asked);
  Outcome serveCatalog(HttpRequest& request, HttpResponse& response, const RegistryRequest& asked);
  Outcome serveTags(HttpRequest& request, HttpResponse& response, const RegistryRequest& asked,
                    const RepositoryName& repository);
  Outcome serveManifest(HttpRequest& request, HttpResponse& response, const std::string& reference,
                        const RepositoryName& repository);
  Outcome serveBlob(HttpRequest& request, HttpResponse& response, const std::string& reference,
                    const RepositoryName& repository);
  Outcome serveReferrers(HttpRequest& request, HttpResponse& response, const std::string& reference);
  bool isKnown(const RepositoryName& repository) { return releases_.tags(repository, "", 0).has_value(); }

  store::ReleaseStore& releases_;
  store::DiskBlobStore& blobs_;
  const PullAccess& access_;
};

void send(HttpRequest& request, HttpResponse& response, const Refusal& refusal) {
  base::sendJson(request, response, refusal.status, errorBody(refusal.code, refusal.message));
}

/// Sends one page and, when there is more, the link to the next. The names are at most one more than the page
/// holds: that tells.
void sendPage(HttpRequest& request, HttpResponse& response, const Page& page, Listing listing) {
  auto& [body, member, names] = listing;
  if (names.size() > page.limit) {
    names.resize(page.limit);
    if (!names.empty()) {
      const std::string path = request.getURI().substr(0, request.getURI().find('?'));
      response.set("Link", "<" + path + "?n=" + std::to_string(page.limit) + "&last=" + names.back() +
                               ">; rel=\"next\"");
    }
  }
  auto array = base::makeJsonArray();
  for (const std::string& name : names)
    array->add(name);
  body->set(member, array);
  base::sendJson(request, response, 200, base::toJson(body));
}

void Handler::handle(HttpRequest& request, HttpResponse& response) {
  response.set("Docker-Distribution-Api-Version", "registry/2.0");
  if (const auto refusal = answer(request, response)) send(request, response, *refusal);
}

void Handler::writeError(HttpRequest& request, HttpResponse& response, base::Errc code,
                         const std::string& message) {
  for (const char* header : {"Docker-Content-Digest", "Cache-Control"})
    response.erase(header);
  send(request, response, refusalOf(code, message));
}

Handler::Outcome Handler::answer(HttpRequest& request, HttpResponse& response) {
  if (!access_(request.get("Authorization", ""), isFromLoopback(request))) {
    response.set("WWW-Authenticate", "Basic realm=\"fairlead\"");
    return Refusal{401, "UNAUTHORIZED", "authentication required"};
  }
  if (request.getMethod() != HttpRequest::HTTP_GET && request.getMethod() != HttpRequest::HTTP_HEAD) {
    response.set("Allow", "GET, HEAD");
    return Refusal{405, "UNSUPPORTED", "images come here by git push; this registry is read-only"};
  }
  const auto asked = detail::parseRegistryRequest(request.getURI());
  if (!asked) return nameInvalid();
  switch (asked->kind) {
    case RegistryRequest::Kind::version:
      base::sendJson(request, response, 200, "{}");
      return std::nullopt;
    case RegistryRequest::Kind::catalog:
      return serveCatalog(request, response, *asked);
    case RegistryRequest::Kind::unknown:
      return Refusal{404, "UNSUPPORTED", "no such path"};
    default:
      return serveRepository(request, response, *asked);
  }
}

Handler::Outcome Handler::serveRepository(HttpRequest& request, HttpResponse& response,
                                          const RegistryRequest& asked) {
  const auto repository = RepositoryName::tryParse(asked.repository);
  if (!repository) return nameInvalid();
  if (!isKnown(*repository)) return nameUnknown();
  switch (asked.kind) {
    case RegistryRequest::Kind::tags:
      return serveTags(request, response, asked, *repository);
    case RegistryRequest::Kind::manifest:
      return serveManifest(request, response, asked.reference, *repository);
    case RegistryRequest::Kind::blob:
      return serveBlob(request, response, asked.reference, *repository);
    default:
      return serveReferrers(request, response, asked.reference);
  }
}

Handler::Outcome Handler::serveCatalog(HttpRequest& request, HttpResponse& response,
                                       const RegistryRequest& asked) {
  const auto page = pageOf(asked);
  if (!page) return Refusal{400, "PAGINATION_NUMBER_INVALID", "n is not a number"};
  std::vector<std::string> names;
  for (const auto& name : releases_.repositories(page->last, page->limit + 1))
    names.push_back(name.str());
  sendPage(request, response, *page, {base::makeJsonObject(), "repositories", std::move(names)});
  return std::nullopt;
}

Handler::Outcome Handler::serveTags(HttpRequest& request, HttpResponse& response,
                                    const RegistryRequest& asked, const RepositoryName& repository) {
  const auto page = pageOf(asked);
  if (!page) return Refusal{400, "PAGINATION_NUMBER_INVALID", "n is not a number"};
  auto names = releases_.tags(repository, page->last, page->limit + 1);
  if (!names) return nameUnknown();
  auto body = base::makeJsonObject();
  body->set("name", repository.str());
  sendPage(request, response, *page, {body, "tags", *std::move(names)});
  return std::nullopt;
}

Handler::Outcome Handler::serveManifest(HttpRequest& request, HttpResponse& response,
                                        const std::string& reference, const RepositoryName& repository) {
  const bool byDigest = reference.find(':') != std::string::npos;
  const auto digest = Digest::tryParse(reference);
  if (byDigest && !digest) return digestInvalid();
  const auto manifest = byDigest ? releases_.findManifest(repository, *digest)
                                 : releases_.findManifestByTag(repository, reference);
  if (!manifest) return manifestUnknown();
  const std::string etag = "\"" + manifest->digest.str() + "\"";
  response.set("Docker-Content-Digest", manifest->digest.str());
  response.set("ETag", etag);
  // A tag moves: it may be kept but must be asked about again.
  response.set("Cache-Control", byDigest ? kForever : "no-cache");
  // Whatever Accept says: there is one form of a manifest, and another would have another digest.
  const int status = matchesEtag(request, etag) ? 304 : 200;
  base::sendBody(request, response, status, manifest->mediaType, manifest->bytes);
  return std::nullopt;
}

Handler::Outcome Handler::serveBlob(HttpRequest& request, HttpResponse& response,
                                    const std::string& reference, const RepositoryName& repository) {
  const auto digest = Digest::tryParse(reference);
  if (!digest) return digestInvalid();
  const auto blob = releases_.findBlob(repository, *digest);
  if (!blob) return blobUnknown();
  if (blobs_.size(*digest) != blob->sizeBytes) {
    base::Log("registry").error("blob missing or damaged", {{"digest", digest->str()}});
    return blobUnknown();
  }
  response.set("Docker-Content-Digest", digest->str());
  response.set("Cache-Control", kForever);
  base::sendFile(request, response, blobs_.path(*digest), "application/octet-stream", digest->str());
  return std::nullopt;
}

/// No manifest here has a subject: the list is empty, which tells clients not to look for the fallback tag.
/// (OCI distribution-spec, Listing Referrers.)
Handler::Outcome Handler::serveReferrers(HttpRequest& request, HttpResponse& response,
                                         const std::string& reference) {
  if (!Digest::tryParse(reference)) return digestInvalid();
  auto body = base::makeJsonObject();
  body->set("schemaVersion", 2);
  body->set("mediaType", kIndexType);
  body->set("manifests", base::makeJsonArray());
  base::sendBody(request, response, 200, kIndexType, base::toJson(body));
  return std::nullopt;
}

}  // namespace

bool isFromLoopback(const HttpRequest& request) {
  for (const char* header : {"Forwarded", "X-Forwarded-For", "Via"}) {
    if (request.has(header)) return false;
  }
  const Poco::Net::SocketAddress peer = request.clientAddress();
  if (peer.family() == Poco::Net::SocketAddress::UNIX_LOCAL) return true;
  const Poco::Net::IPAddress host = peer.host();
  return host.isLoopback() || host.toString().starts_with("::ffff:127.");
}

RegistryApi::RegistryApi(store::ReleaseStore& releases, store::DiskBlobStore& blobs, PullAccess access)
    : releases_(releases), blobs_(blobs), access_(std::move(access)) {}

std::unique_ptr<Poco::Net::HTTPRequestHandler> RegistryApi::handler(const base::HttpRequest&) {
  return std::make_unique<Handler>(releases_, blobs_, access_);
}

}  // namespace registry
