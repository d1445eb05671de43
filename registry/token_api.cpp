#include "registry/token_api.h"

#include <utility>

#include "base/json.h"
#include "registry/detail/refusal.h"
#include "registry/detail/token_request.h"
#include "registry/registry_handler.h"

namespace registry {
namespace {

using base::HttpRequest;
using base::HttpResponse;
using detail::Refusal;

constexpr std::size_t kMaxFormBytes = 32u << 10;
constexpr const char* kForm = "application/x-www-form-urlencoded";

class Handler : public base::HttpHandler {
 public:
  explicit Handler(const TokenIssuer& issuer) : issuer_(issuer) {}

 protected:
  void handle(HttpRequest& request, HttpResponse& response) override;
  void writeError(HttpRequest& request, HttpResponse& response, base::Errc code,
                  const std::string& message) override;

 private:
  const TokenIssuer& issuer_;
};

TokenQuestion questionOf(HttpRequest& request) {
  const std::string authorization = request.get("Authorization", "");
  if (request.getMethod() == "POST") {
    if (!request.getContentType().starts_with(kForm))
      throw base::Error(base::Errc::invalidArgument, std::string("the body of a POST is ") + kForm);
    return detail::parseTokenForm(base::readBody(request, kMaxFormBytes, "32 KiB is the most"),
                                  authorization);
  }
  const std::string& uri = request.getURI();
  const auto mark = uri.find('?');
  const std::string_view query =
      mark == std::string::npos ? std::string_view() : std::string_view(uri).substr(mark + 1);
  return detail::parseTokenQuery(query, authorization);
}

std::string render(const TokenAnswer& answer) {
  auto json = base::makeJsonObject();
  json->set("token", answer.bearer);
  json->set("access_token", answer.bearer);
  json->set("token_type", "Bearer");
  json->set("expires_in", static_cast<std::int64_t>(answer.lifetime.count()));
  json->set("issued_at", base::toRfc3339(answer.issuedAt));
  json->set("scope", textOf(answer.granted));
  if (!answer.refreshToken.empty()) json->set("refresh_token", answer.refreshToken);
  return base::toJson(json);
}

void Handler::handle(HttpRequest& request, HttpResponse& response) {
  response.set("Cache-Control", "no-store");
  const std::string& method = request.getMethod();
  if (method != "GET" && method != "HEAD" && method != "POST") {
    response.set("Allow", "GET, HEAD, POST");
    return detail::send(request, response, {405, "UNSUPPORTED", "the operation is unsupported"});
  }
  TokenQuestion question = questionOf(request);
  question.fromLoopback = isFromLoopback(request);
  base::sendJson(request, response, 200, render(issuer_(question)));
}

void Handler::writeError(HttpRequest& request, HttpResponse& response, base::Errc code,
                         const std::string& message) {
  if (code == base::Errc::unauthenticated) response.set("WWW-Authenticate", "Basic realm=\"fairlead\"");
  detail::send(request, response, detail::refusalOf(code, message, "TOKEN_REQUEST_INVALID"));
}

}  // namespace

TokenApi::TokenApi(TokenIssuer issuer) : issuer_(std::move(issuer)) {}

std::unique_ptr<Poco::Net::HTTPRequestHandler> TokenApi::handler() const {
  return std::make_unique<Handler>(issuer_);
}

}  // namespace registry
