// The HTTP server frame: listeners (TCP and unix socket), one place that turns errors into answers.
#pragma once

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"
#include "base/served_file.h"
#include "base/tcp_listener.h"

namespace base {

class HttpSession;

/// HTTP status for an error code: notFound 404, alreadyExists 409, invalidArgument 422, unauthenticated 401,
/// permissionDenied 403, conflict 409, overloaded 429, unavailable 503, diskFull 507, timedOut 504, cancelled
/// 400, corrupt and io and internal 500.
int httpStatus(Errc code) noexcept;
/// Heroku's error id: not_found, conflict, invalid_params, unauthorized, forbidden, rate_limit, unavailable,
/// bad_request (cancelled), internal_server_error.
std::string_view apiErrorId(Errc code) noexcept;

using HttpRequest = Poco::Net::HTTPServerRequest;
using HttpResponse = Poco::Net::HTTPServerResponse;

/// Base of every handler: handle() may throw; the error becomes one answer (if none was started, else the
/// connection is cut, so that nobody takes half an answer for a whole one) and one log line for 5xx. Every
/// answer has a Request-Id: the request's X-Request-Id or Request-Id, or a new one.
class HttpHandler : public Poco::Net::HTTPRequestHandler {
 public:
  void handleRequest(HttpRequest& request, HttpResponse& response) final;

 protected:
  virtual void handle(HttpRequest& request, HttpResponse& response) = 0;
  /// Default: {"id": "...", "message": "..."}; the registry answers in OCI's form.
  virtual void writeError(HttpRequest& request, HttpResponse& response, Errc code,
                          const std::string& message);
};

/// A handler made from a function.
std::unique_ptr<Poco::Net::HTTPRequestHandler> makeHandler(
    std::function<void(HttpRequest&, HttpResponse&)> body);

/// Sends a whole body with Content-Length and type (HEAD: headers only).
void sendBody(HttpRequest& request, HttpResponse& response, int status, const std::string& contentType,
              std::string_view body);
void sendJson(HttpRequest& request, HttpResponse& response, int status, const std::string& body);
/// The request's body; request.stream() is not to be used beside it. Unlike that one it knows an empty body
/// from one that is still to come (a POST without Content-Length has none: the stream would wait for it until
/// the connection ends), and a body that was cut off from one that ended: then read() throws cancelled. A
/// client that waits for "100 Continue" gets it at the first read(): what a handler refuses before that is
/// never sent.
class RequestBody : public ByteSource {
 public:
  explicit RequestBody(HttpRequest& request);
  /// Waits until the buffer is full, or the body has ended.
  std::size_t read(char* buffer, std::size_t capacity) override;
  /// What is there, at least one byte, as soon as it is; 0 at the end. For bodies that come bit by bit.
  std::size_t readSome(char* buffer, std::size_t capacity);

 private:
  void askForBody();

  HttpRequest& request_;
  HttpSession& session_;
};

/// Reads the request's body; throws invalidArgument naming `settingName` when it is longer than maxBytes.
std::string readBody(HttpRequest& request, std::size_t maxBytes, std::string_view settingName);

/// Sends a file with ETag, Range (one range; 206, 416), If-None-Match, HEAD, Accept-Ranges. Headers that are
/// set already are kept. `etag` without quotes. (RFC 9110 sections 13, 14.)
void sendFile(HttpRequest& request, HttpResponse& response, const std::filesystem::path& file,
              const std::string& contentType, const std::string& etag);
/// The same of several files, one behind the other as if they were one. What fits into 64 KiB is read before
/// the answer begins, so that a file that turns out to be wrong is an error like any other; later it cuts the
/// connection, with at least one byte missing.
void sendFiles(HttpRequest& request, HttpResponse& response,
               const std::vector<std::unique_ptr<ServedFile>>& files, const std::string& contentType,
               const std::string& etag);

/// Chooses the handler of a request; never null, may throw Error. Called on the server's threads at the same
/// time: thread-safe.
using HttpRouter = std::function<std::unique_ptr<Poco::Net::HTTPRequestHandler>(const HttpRequest&)>;

struct HttpServerOptions {
  unsigned maxThreads = 64;
  unsigned maxQueued = 256;  ///< requests that wait for a thread; more are answered 503
  unsigned keepAliveSeconds = 60;
  std::size_t maxWaiting =
      16'384;  ///< connections without a request; beyond it the one whose time ends first goes
};

/// One listener with its threads. A connection has one only while a request is under way, which it is as soon
/// as its head has come: 32 KiB at most (else 431), in 30 s. Serves from construction on. stop()
/// ends accepting, closes idle connections, waits for handlers for up to `grace`, then cuts their connections
/// and waits for them to notice: a handler that waits for something else needs a deadline of its own. The
/// destructor stops with no grace.
class HttpServer {
 public:
  static std::unique_ptr<HttpServer> onTcp(TcpListener listener, HttpRouter router,
                                           HttpServerOptions options = {});
  /// Socket file, mode 0600; a stale one is replaced.
  static std::unique_ptr<HttpServer> onUnix(const std::filesystem::path& socketFile, HttpRouter router,
                                            HttpServerOptions options = {});
  virtual ~HttpServer() = default;
  /// "HOST:PORT" as bound.
  virtual std::string address() const = 0;
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace base
