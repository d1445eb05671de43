// What a thread of the HTTP server does with a connection that has sent a request.
#pragma once

#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/http_session.h"

namespace base::detail {

/// A connection's socket, whose reads can have a common deadline. One thread at a time.
class HttpSocket : public Poco::Net::StreamSocketImpl {
 public:
  explicit HttpSocket(int number) : StreamSocketImpl(number) {}
  void limitReads(std::optional<std::chrono::steady_clock::time_point> deadline) { deadline_ = deadline; }
  /// Throws Poco's TimeoutException beyond the deadline.
  int receiveBytes(void* buffer, int length, int flags) override;

 private:
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

/// What all connections of a server share; outlives them. Immutable but for what is atomic.
struct HttpConnectionParts {
  HttpRouter router;
  Poco::Net::HTTPServerParams::Ptr params;
  bool keepsAlive = true;
  std::chrono::milliseconds sendTimeout{};
  std::atomic<bool> stopping = false;
};

/// Serves a request, and another one as often as `awaitNext` says that its beginning is there. Returns
/// whether the connection is good for more; a client that has gone is no error. One thread.
bool serveRequests(Poco::Net::StreamSocket& connection, HttpConnectionParts& parts,
                   const std::function<bool(HttpSession&)>& awaitNext);

/// One answer to a request that was not read, in the form of errors of the API,, before the connection ends.
struct Refusal {
  int status;
  std::string_view id;
  std::string message;
};
/// patient: until the client has taken it, a second at most; quick: without waiting.
enum class Farewell { patient, quick };
void refuseConnection(const Poco::Net::StreamSocket& connection, Farewell farewell, const Refusal& refusal);

}  // namespace base::detail
