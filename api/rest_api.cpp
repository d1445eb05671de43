#include "api/rest_api.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/URI.h>

#include <algorithm>
#include <iterator>

#include "api/openapi.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/app_operations.h"
#include "registry/origin.h"

namespace api {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kMaxBodyBytes = 1u << 20;

std::vector<std::string> pieces(std::string_view path) {
  std::vector<std::string> parts = base::split(path, '/');
  std::erase(parts, "");
  return parts;
}

/// Of the request, each decoded by itself: "%2F" does not divide.
std::vector<std::string> requestPieces(const std::string& uri) {
  std::vector<std::string> parts = pieces(uri.substr(0, uri.find('?')));
  for (std::string& part : parts) {
    if (part.find('%') == std::string::npos) continue;
    std::string decoded;
    try {
      Poco::URI::decode(part, decoded);
    } catch (const Poco::Exception&) {
      throw Error(Errc::notFound, "there is nothing at this path");
    }
    part = decoded;
  }
  return parts;
}

bool isWord(const std::string& piece) {
  return piece.starts_with('{');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (!isWord(pattern[i]) && pattern[i] != path[i]) return false;
  return true;
}

std::map<std::string, std::string> wordsOf(const std::vector<std::string>& pattern,
                                           const std::vector<std::string>& path) {
  std::map<std::string, std::string> words;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (isWord(pattern[i])) words.emplace(pattern[i].substr(1, pattern[i].size() - 2), path[i]);
  return words;
}

base::JsonObject::Ptr readBody(base::HttpRequest& request, const Shape& shape) {
  const std::string bytes = base::readBody(request, kMaxBodyBytes, "1 MiB is the most");
  auto body = base::trim(bytes).empty() ? base::makeJsonObject()
                                        : base::parseJsonObject(bytes, "the request", kMaxBodyBytes);
  requireShape(shape, body, "the request");
  return body;
}

std::string originOf(const base::HttpRequest& request, const controller::PublicUrls& urls) {
  const bool local = request.serverAddress().family() == Poco::Net::SocketAddress::UNIX_LOCAL;
  return local ? urls.http() : registry::originOf(request, urls.http());
}

bool isKnown(const base::HttpRequest& request, const std::string& etag) {
  const std::string method = request.getMethod();
  if ((method != "GET" && method != "HEAD") || !request.has("If-None-Match")) return false;
  for (const std::string& each : base::split(request.get("If-None-Match"), ',')) {
    std::string_view tag = base::trim(each);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag || tag == "*") return true;
  }
  return false;
}

}  // namespace

/// Says of a name that is taken what Heroku says: 422.
class RestApi::Handler : public base::HttpHandler {
 public:
  Handler(RestApi& api, Authenticate authenticate) : api_(api), authenticate_(std::move(authenticate)) {}

 protected:
  void handle(base::HttpRequest& request, base::HttpResponse& response) override {
    api_.serve(request, response, authenticate_);
  }
  void writeError(base::HttpRequest& request, base::HttpResponse& response, Errc code,
                  const std::string& message) override {
    HttpHandler::writeError(request, response, code == Errc::alreadyExists ? Errc::invalidArgument : code,
                            message);
  }

 private:
  RestApi& api_;
  const Authenticate authenticate_;
};

RestApi::RestApi(Config config, const Parts& parts)
    : parts_(parts), limiter_(config.requestsPerHour, parts.control.clock) {
  for (auto&& group : {accountRoutes(), appRoutes(), accessRoutes(), buildRoutes(), configRoutes(),
                       domainRoutes(), drainRoutes(), releaseRoutes(), slugRoutes(), processRoutes(),
                       dynoRoutes(), logRoutes(), settingRoutes()})
    routes_.insert(routes_.end(), group.begin(), group.end());
  for (const Route& route : routes_)
    patterns_.push_back(pieces(route.path));
  document_ = openApiDocument(routes_);
}

std::unique_ptr<Poco::Net::HTTPRequestHandler> RestApi::handler(Authenticate authenticate) {
  return std::make_unique<Handler>(*this, std::move(authenticate));
}

RestApi::Found RestApi::find(const base::HttpRequest& request) const {
  const std::vector<std::string> path = requestPieces(request.getURI());
  const std::string method = request.getMethod() == "HEAD" ? "GET" : request.getMethod();
  Found found;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (!matches(patterns_[i], path)) continue;
    found.methods.push_back(routes_[i].method);
    if (found.route != nullptr || routes_[i].method != method) continue;
    found.route = &routes_[i];
    found.words = wordsOf(patterns_[i], path);
  }
  return found;
}

void RestApi::serve(base::HttpRequest& request, base::HttpResponse& response,
                    const Authenticate& authenticate) {
  if (request.getURI() == "/openapi.json") return answer(request, response, {.json = document_});
  Found found = find(request);
  if (found.methods.empty())
    throw Error(Errc::notFound, "there is nothing at this path: /openapi.json lists what there is");
  if (found.route == nullptr) {
    response.set("Allow", base::join(found.methods, ", "));
    throw Error(Errc::notFound, "there is no " + base::printable(request.getMethod()) +
                                    " at this path: use " + base::join(found.methods, ", "));
  }
  const Route& route = *found.route;
  const bool bySignature = route.door == Door::signature && controller::UrlSigner::isSigned(request.getURI());
  if (bySignature) parts_.signer.check(request.getMethod(), request.getURI());
  const controller::Caller caller = bySignature ? controller::Caller{} : authenticate(request);
  if (!bySignature) count(request, response, caller);
  Call call{.request = request,
            .parts = parts_,
            .caller = caller,
            .words = std::move(found.words),
            .named = std::nullopt,
            .body = {},
            .origin = originOf(request, parts_.control.urls)};
  const controller::Access& access = parts_.control.access;
  const auto app = call.words.find("app");
  if (bySignature) {  // a permission by itself
    if (app != call.words.end()) call.named = controller::appNamed(parts_.control.store, app->second);
  } else if (controller::isAboutApp(route.action)) {
    call.named = access.app(caller, route.action, app->second);
  } else {
    access.require(caller, route.action);
  }
  if (route.body) call.body = readBody(request, *route.body);
  answer(request, response, route.handle(call));
}

void RestApi::count(const base::HttpRequest& request, base::HttpResponse& response,
                    const controller::Caller& caller) {
  if (caller.isLocal() || !limiter_.limits()) return;
  const std::string key = base::Digest::of(request.get("Authorization", "")).str();
  response.set("RateLimit-Remaining", "0");
  response.set("RateLimit-Remaining", std::to_string(limiter_.take(key)));
}

void RestApi::answer(base::HttpRequest& request, base::HttpResponse& response, const Reply& reply) const {
  for (const auto& [name, value] : reply.headers)
    response.set(name, value);
  if (reply.send) return reply.send(request, response);
  constexpr std::size_t kTagDigits = 32;
  const std::string etag = "\"" + base::Digest::of(reply.json).hex().substr(0, kTagDigits) + "\"";
  response.set("ETag", etag);
  response.set("Cache-Control", "private, no-cache");
  if (isKnown(request, etag)) return base::sendBody(request, response, 304, "", "");
  base::sendJson(request, response, reply.status, reply.json);
}

}  // namespace api
