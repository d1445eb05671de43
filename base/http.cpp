#include "base/http.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/http_session.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace base {
namespace {

using Poco::Net::HTTPServerRequestImpl;

/// A request id from outside goes into logs and headers: only what cannot do harm there.
std::string requestId(const HttpRequest& request) {
  constexpr std::size_t kMaxLength = 128;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:,";
  for (const char* header : {"X-Request-Id", "Request-Id"}) {
    std::string given = request.get(header, "");
    const bool harmless = given.find_first_not_of(kAllowed) == std::string::npos;
    if (!given.empty() && given.size() <= kMaxLength && harmless) return given;
  }
  return randomUuid();
}

/// The path alone: a query may hold tokens.
std::string_view pathOf(const HttpRequest& request) {
  const std::string_view uri = request.getURI();
  return uri.substr(0, uri.find('?'));
}

void cutConnection(HttpRequest& request, HttpResponse& response) {
  response.setKeepAlive(false);
  // Shut down before the response's stream is closed, which else would end a chunked body in good order.
  if (auto* served = dynamic_cast<HTTPServerRequestImpl*>(&request)) {
    ::shutdown(served->socket().impl()->sockfd(), SHUT_RDWR);
  }
}

bool allowsBody(int status) {
  return status >= 200 && status != 204 && status != 304;
}

class FunctionHandler : public HttpHandler {
 public:
  explicit FunctionHandler(std::function<void(HttpRequest&, HttpResponse&)> body) : body_(std::move(body)) {}

 protected:
  void handle(HttpRequest& request, HttpResponse& response) override { body_(request, response); }

 private:
  std::function<void(HttpRequest&, HttpResponse&)> body_;
};

}  // namespace

int httpStatus(Errc code) noexcept {
  switch (code) {
    case Errc::notFound:
      return 404;
    case Errc::alreadyExists:
    case Errc::conflict:
      return 409;
    case Errc::invalidArgument:
      return 422;
    case Errc::unauthenticated:
      return 401;
    case Errc::permissionDenied:
      return 403;
    case Errc::overloaded:
      return 429;
    case Errc::unavailable:
      return 503;
    case Errc::diskFull:
      return 507;
    case Errc::timedOut:
      return 504;
    case Errc::cancelled:
      return 400;
    case Errc::corrupt:
    case Errc::io:
    case Errc::internal:
      break;
  }
  return 500;
}

std::string_view apiErrorId(Errc code) noexcept {
  switch (code) {
    case Errc::notFound:
      return "not_found";
    case Errc::alreadyExists:
    case Errc::conflict:
      return "conflict";
    case Errc::invalidArgument:
      return "invalid_params";
    case Errc::unauthenticated:
      return "unauthorized";
    case Errc::permissionDenied:
      return "forbidden";
    case Errc::overloaded:
      return "rate_limit";
    case Errc::diskFull:
    case Errc::unavailable:
    case Errc::timedOut:
      return "unavailable";
    case Errc::cancelled:
      return "bad_request";
    case Errc::corrupt:
    case Errc::io:
    case Errc::internal:
      break;
  }
  return "internal_server_error";
}

void HttpHandler::handleRequest(HttpRequest& request, HttpResponse& response) {
  const auto fail = [&](Errc code, const std::string& shown, std::string_view logged) {
    constexpr int kFirstServerError = 500;
    if (httpStatus(code) >= kFirstServerError) {
      Log("http").error("request failed", {{"method", printable(request.getMethod())},
                                           {"path", printable(pathOf(request))},
                                           {"request_id", response.get("Request-Id", "")},
                                           {"code", name(code)},
                                           {"error", logged}});
    }
    if (response.sent()) return cutConnection(request, response);
    // What the handler had set up for its own answer is not true for this one.
    for (const char* header :
         {"ETag", "Content-Range", "Accept-Ranges", "Content-Encoding", "Content-Disposition"}) {
      response.erase(header);
    }
    response.setChunkedTransferEncoding(false);
    writeError(request, response, code, shown);
  };
  constexpr const char* kUnexpected = "the server failed to answer; its log says why";
  response.set("Request-Id", requestId(request));
  try {
    try {
      handle(request, response);
    } catch (const Error& error) {
      fail(error.code(), error.what(), error.what());
    } catch (const Poco::Exception& exception) {
      fail(Errc::internal, kUnexpected, exception.displayText());
    } catch (const std::exception& exception) {
      fail(Errc::internal, kUnexpected, exception.what());
    }
  } catch (const std::exception& exception) {
    // The answer about the error did not get through either.
    Log("http").debug("connection lost", {{"path", printable(pathOf(request))}, {"error", exception.what()}});
    cutConnection(request, response);
  }
}

void HttpHandler::writeError(HttpRequest& request, HttpResponse& response, Errc code,
                             const std::string& message) {
  auto body = makeJsonObject();
  body->set("id", std::string(apiErrorId(code)));
  body->set("message", message);
  sendJson(request, response, httpStatus(code), toJson(body));
}

std::unique_ptr<Poco::Net::HTTPRequestHandler> makeHandler(
    std::function<void(HttpRequest&, HttpResponse&)> body) {
  return std::make_unique<FunctionHandler>(std::move(body));
}

void sendBody(HttpRequest& request, HttpResponse& response, int status, const std::string& contentType,
              std::string_view body) {
  response.setStatusAndReason(static_cast<HttpResponse::HTTPStatus>(status));
  if (allowsBody(status)) {
    response.setContentType(contentType);
    response.setContentLength64(static_cast<std::int64_t>(body.size()));
  }
  std::ostream& out = response.send();
  if (allowsBody(status) && request.getMethod() != HttpRequest::HTTP_HEAD) {
    out.write(body.data(), static_cast<std::streamsize>(body.size()));
  }
  // Goes out before anything else is done, such as reading the rest of the request.
  out.flush();
}

void sendJson(HttpRequest& request, HttpResponse& response, int status, const std::string& body) {
  sendBody(request, response, status, "application/json", body);
}

RequestBody::RequestBody(HttpRequest& request)
    : request_(request),
      session_(dynamic_cast<HttpSession&>(dynamic_cast<HTTPServerRequestImpl&>(request).session())) {}

std::size_t RequestBody::read(char* buffer, std::size_t capacity) {
  if (session_.bodyHasEnded()) return 0;
  askForBody();
  return session_.readBody(buffer, capacity);
}

std::size_t RequestBody::readSome(char* buffer, std::size_t capacity) {
  if (session_.bodyHasEnded()) return 0;
  askForBody();
  return session_.readSomeOfBody(buffer, capacity);
}

void RequestBody::askForBody() {
  if (!request_.getExpectContinue()) return;
  request_.erase("Expect");  // once; and tells the server that the client goes on
  request_.response().setKeepAlive(request_.getKeepAlive());
  request_.response().sendContinue();
}

std::string readBody(HttpRequest& request, std::size_t maxBytes, std::string_view settingName) {
  RequestBody source(request);
  std::string body;
  std::array<char, 16384> buffer{};
  while (const std::size_t count = source.read(buffer.data(), buffer.size())) {
    if (count > maxBytes - body.size()) {
      throw Error(Errc::invalidArgument, "the request's body is longer than " + std::to_string(maxBytes) +
                                             " bytes (" + std::string(settingName) + ")");
    }
    body.append(buffer.data(), count);
  }
  return body;
}

}  // namespace base
