// Requests to other servers: HTTP and HTTPS with connections that are kept, proxies, and one kind of error.
#pragma once

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPResponse.h>

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_sink.h"
#include "registry/web_options.h"

namespace registry::detail {

struct WebBody {
  base::ByteSource& bytes;
  std::uint64_t sizeBytes = 0;
};

struct WebRequest {
  std::string method;
  std::string url;  ///< http://... or https://...
  std::vector<std::pair<std::string, std::string>> headers;
  const WebBody* body = nullptr;  ///< a POST, PUT or PATCH without one is sent as an empty one
};

/// An answer whose body is still to be read. Valid until its client's next request.
class WebAnswer {
 public:
  int status() const { return head_.getStatus(); }
  std::string header(const std::string& name) const { return head_.get(name, ""); }
  std::vector<std::string> headers(const std::string& name) const;
  /// 0 at the end; throws unavailable when the connection ended before.
  std::size_t read(char* buffer, std::size_t capacity);
  /// The whole body; throws unavailable when it is longer than `maxBytes`.
  std::string text(std::size_t maxBytes);

 private:
  friend class WebClient;
  Poco::Net::HTTPResponse head_;
  std::istream* body_ = nullptr;
  std::optional<std::uint64_t> left_;  // of a body with a Content-Length
  std::string host_;
  std::stop_token stop_;
};

/// One thread at a time. Throws unavailable with the host and what the system said when there is no answer,
/// cancelled when `stop` is asked for, which also ends a request under way. A body of more than 64 KiB is
/// sent when the server has said "100 Continue", or nothing for a second: a refusal costs no upload.
class WebClient {
 public:
  WebClient(WebOptions options, std::stop_token stop);
  ~WebClient();
  WebClient(const WebClient&) = delete;
  WebClient& operator=(const WebClient&) = delete;

  WebAnswer& send(const WebRequest& request);

 private:
  using Session = Poco::Net::HTTPClientSession;
  struct Site;

  Session& sessionFor(const Site& site);
  void exchange(Session& session, const Site& site, const WebRequest& request);
  void finishLast();
  void abort() noexcept;

  const WebOptions options_;
  const std::stop_token stop_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;  // by scheme://host:port
  WebAnswer answer_;
  std::mutex mutex_;                                                 // current_
  Session* current_ = nullptr;                                       // of the request under way
  std::optional<std::stop_callback<std::function<void()>>> onStop_;  // last: ends before what it uses
};

}  // namespace registry::detail
