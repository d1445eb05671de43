#include "registry/registry_handler.h"

#include <chrono>
#include <utility>

#include "registry/detail/challenge.h"
#include "registry/detail/exchange.h"
#include "registry/detail/manage_endpoints.h"
#include "registry/detail/pull_endpoints.h"
#include "registry/detail/registry_metrics.h"
#include "registry/detail/upload_endpoints.h"
#include "registry/origin.h"

namespace registry {
namespace {

using base::HttpRequest;
using base::HttpResponse;
using detail::Exchange;
using detail::Outcome;
using detail::Refusal;
using detail::RegistryRequest;
using store::RepositoryName;
using Kind = RegistryRequest::Kind;

/// What a path allows, as in the header Allow.
const char* methodsOf(Kind kind) {
  switch (kind) {
    case Kind::manifest:
      return "GET, HEAD, PUT, DELETE";
    case Kind::blob:
      return "GET, HEAD, DELETE";
    case Kind::uploads:
      return "POST";
    case Kind::upload:
      return "GET, HEAD, PATCH, PUT, DELETE";
    default:
      return "GET, HEAD";
  }
}

bool allows(Kind kind, const std::string& method) {
  const std::string methods = std::string(", ") + methodsOf(kind) + ",";
  return methods.find(", " + method + ",") != std::string::npos;
}

/// What a caller must be allowed. Who pushes may give an upload up.
Action actionOf(Kind kind, const std::string& method) {
  if (kind == Kind::version) return Action::check;
  if (kind == Kind::catalog) return Action::list;
  if (method == "GET" || method == "HEAD") return Action::pull;
  if (kind == Kind::upload) return Action::push;
  return method == "DELETE" ? Action::remove : Action::push;
}

/// Of a request that is refused: some clients write it while the answer arrives, take that for a broken
/// connection, and do not come again with a bearer (containerd 1.6 with its manifests).
void readSmallBody(HttpRequest& request) {
  constexpr std::int64_t kSmallBytes = 256 << 10;
  if (request.getExpectContinue() || !request.hasContentLength() ||
      request.getContentLength64() > kSmallBytes)
    return;
  base::RequestBody body(request);
  char buffer[4096];
  while (body.read(buffer, sizeof buffer) > 0) {
  }
}

class Handler : public base::HttpHandler {
 public:
  Handler(const RegistryParts& parts, const Access& access, const RegistryOptions& options,
          detail::RegistryMetrics& metrics)
      : parts_(parts),
        access_(access),
        options_(options),
        metrics_(metrics),
        pull_(parts),
        uploads_(parts, access),
        manage_(parts, options) {}

 protected:
  void handle(HttpRequest& request, HttpResponse& response) override;
  void writeError(HttpRequest& request, HttpResponse& response, base::Errc code,
                  const std::string& message) override;

 private:
  Outcome answer(HttpRequest& request, HttpResponse& response);
  void count(const HttpRequest& request);
  Outcome refuseCaller(const HttpRequest& request, HttpResponse& response);
  Refusal challenge(const HttpRequest& request, HttpResponse& response, const char* error);
  Outcome serveRepository(const Exchange& exchange);
  Outcome read(const Exchange& exchange);
  Outcome write(const Exchange& exchange);
  Outcome remove(const Exchange& exchange);

  const RegistryParts& parts_;
  const Access& access_;
  const RegistryOptions& options_;
  detail::RegistryMetrics& metrics_;
  RegistryRequest asked_;  // of the request, of which there is one
  std::string user_;       // who asks
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  detail::PullEndpoints pull_;
  detail::UploadEndpoints uploads_;
  detail::ManageEndpoints manage_;
};

void Handler::handle(HttpRequest& request, HttpResponse& response) {
  response.set("Docker-Distribution-Api-Version", "registry/2.0");
  try {
    if (const auto refusal = answer(request, response)) {
      metrics_.refused(refusal->code);
      detail::send(request, response, *refusal);
    }
  } catch (...) {
    count(request);  // what fails took its time, too
    throw;
  }
  count(request);
}

void Handler::count(const HttpRequest& request) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
  metrics_.answered(detail::RegistryMetrics::operationOf(asked_.kind, request.getMethod()), seconds.count());
  if (asked_.kind == Kind::upload || asked_.kind == Kind::uploads)
    metrics_.setUploads(parts_.uploads.count());
}

void Handler::writeError(HttpRequest& request, HttpResponse& response, base::Errc code,
                         const std::string& message) {
  for (const char* header : {"Docker-Content-Digest", "Cache-Control", "Location", "Range"})
    response.erase(header);
  if (code == base::Errc::unauthenticated) challenge(request, response, "");
  const char* invalidCode = asked_.kind == Kind::manifest ? "MANIFEST_INVALID" : "BLOB_UPLOAD_INVALID";
  const Refusal refusal = detail::refusalOf(code, message, invalidCode);
  metrics_.refused(refusal.code);
  detail::send(request, response, refusal);
}

Refusal Handler::challenge(const HttpRequest& request, HttpResponse& response, const char* error) {
  response.set("WWW-Authenticate", detail::challengeOf(originOf(request, options_.publicUrl),
                                                       detail::scopeOf(asked_, request.getMethod()), error));
  return {401, "UNAUTHORIZED", "authentication required"};
}

Outcome Handler::refuseCaller(const HttpRequest& request, HttpResponse& response) {
  Decision decision = access_({.action = actionOf(asked_.kind, request.getMethod()),
                               .repository = asked_.repository,
                               .authorization = request.get("Authorization", ""),
                               .fromLoopback = isFromLoopback(request)});
  user_ = std::move(decision.user);
  switch (decision.verdict) {
    case Verdict::logIn:
      return challenge(request, response, "");
    case Verdict::insufficient:
      return challenge(request, response, "insufficient_scope");
    case Verdict::denied:
      return Refusal{403, "DENIED", "requested access to the resource is denied"};
    case Verdict::allowed:
      break;
  }
  return std::nullopt;
}

Outcome Handler::answer(HttpRequest& request, HttpResponse& response) {
  const auto asked = detail::parseRegistryRequest(request.getURI());
  asked_ = asked.value_or(RegistryRequest{});
  if (auto refusal = refuseCaller(request, response)) {
    readSmallBody(request);
    return refusal;
  }
  if (!asked) return detail::nameInvalid();
  if (asked->kind == Kind::unknown) return Refusal{404, "UNSUPPORTED", "no such path"};
  if (!allows(asked->kind, request.getMethod())) {
    response.set("Allow", methodsOf(asked->kind));
    return Refusal{405, "UNSUPPORTED", "the operation is unsupported"};
  }
  if (asked->kind == Kind::version) {
    base::sendJson(request, response, 200, "{}");
    return std::nullopt;
  }
  if (asked->kind == Kind::catalog) return pull_.sendCatalog(request, response, *asked);
  const auto repository = RepositoryName::tryParse(asked->repository);
  if (!repository) return detail::nameInvalid();
  return serveRepository({.request = request,
                          .response = response,
                          .asked = *asked,
                          .repository = *repository,
                          .user = user_,
                          .metrics = metrics_});
}

Outcome Handler::serveRepository(const Exchange& exchange) {
  const std::string& method = exchange.request.getMethod();
  if (method == "GET" || method == "HEAD") return read(exchange);
  if (auto refusal = manage_.refuseWrite(exchange)) return refusal;
  return method == "DELETE" ? remove(exchange) : write(exchange);
}

Outcome Handler::read(const Exchange& exchange) {
  switch (exchange.asked.kind) {
    case Kind::tags:
      return pull_.sendTags(exchange);
    case Kind::manifest:
      return pull_.sendManifest(exchange);
    case Kind::blob:
      return pull_.sendBlob(exchange);
    case Kind::upload:
      return uploads_.sendStatusOf(exchange);
    default:
      return pull_.sendReferrers(exchange);
  }
}

Outcome Handler::write(const Exchange& exchange) {
  switch (exchange.asked.kind) {
    case Kind::manifest:
      return manage_.putManifest(exchange);
    case Kind::uploads:
      return uploads_.begin(exchange);
    default:
      return exchange.request.getMethod() == "PATCH" ? uploads_.appendChunk(exchange)
                                                     : uploads_.complete(exchange);
  }
}

Outcome Handler::remove(const Exchange& exchange) {
  switch (exchange.asked.kind) {
    case Kind::manifest:
      return manage_.removeManifest(exchange);
    case Kind::blob:
      return manage_.removeBlob(exchange);
    default:
      return uploads_.cancel(exchange);
  }
}

}  // namespace

bool isFromLoopback(const HttpRequest& request) {
  for (const char* header : {"Forwarded", "X-Forwarded-For", "Via"}) {
    if (request.has(header)) return false;
  }
  return isPeerLocal(request);
}

RegistryApi::RegistryApi(const RegistryParts& parts, Access access, const RegistryOptions& options)
    : parts_(parts),
      access_(std::move(access)),
      options_(options),
      metrics_(std::make_unique<detail::RegistryMetrics>(parts.metrics)) {}

RegistryApi::~RegistryApi() = default;

std::unique_ptr<Poco::Net::HTTPRequestHandler> RegistryApi::handler(const HttpRequest&) {
  return std::make_unique<Handler>(parts_, access_, options_, *metrics_);
}

}  // namespace registry
