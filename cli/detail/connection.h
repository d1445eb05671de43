// One HTTP exchange with a server.
#pragma once

#include <Poco/Net/HTTPClientSession.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "base/byte_sink.h"
#include "base/digest.h"
#include "cli/detail/interrupt.h"
#include "cli/detail/server_address.h"

namespace cli::detail {

/// The head of an answer; its body is read from `body`, which lives as long as the connection.
struct Answer {
  int status = 0;
  std::string reason;
  std::optional<std::uint64_t> sizeBytes;  ///< absent when chunked
  std::optional<base::Digest> digest;      ///< when the ETag is one
  std::istream* body = nullptr;
};

/// A connected server, for one exchange. Waits for the answer as long as the server is there (TCP keep-alive;
/// a day at most); an interrupt ends the wait. One thread. Throws unavailable when the connection breaks.
class Connection {
 public:
  /// nullptr when nobody listens there; throws permissionDenied when the socket may not be used, unavailable
  /// for a host that cannot be reached.
  static std::unique_ptr<Connection> tryOpen(const ServerAddress& server);
  /// tryOpen, and unavailable with what to type when nobody listens.
  static std::unique_ptr<Connection> open(const ServerAddress& server);

  /// open(), without being what an interrupt ends: for a second connection beside the command's.
  static std::unique_ptr<Connection> openUnwatched(const ServerAddress& server);

  Answer post(const std::string& path, const std::string& json);
  /// `from`: with the bytes from there on, if what is there is still what `tag` names; else with all of them.
  struct Part {
    std::uint64_t from = 0;
    std::string tag;
  };
  Answer get(const std::string& path, const std::optional<Part>& part = std::nullopt);
  /// Sends each piece that `body` writes as it comes.
  Answer post(const std::string& path, const std::function<void(base::ByteSink&)>& body);
  /// Sends what `body` writes, in chunks. When the server answers before the end (a refusal), that is the
  /// answer.
  Answer put(const std::string& path, const std::function<void(base::ByteSink&)>& body);

 private:
  enum class Watch { yes, no };
  Connection(const Poco::Net::StreamSocket& socket, const ServerAddress& server, Watch watch);
  static std::unique_ptr<Connection> connect(const ServerAddress& server, Watch watch);
  enum class Pieces { gathered, atOnce };
  Answer send(Poco::Net::HTTPRequest& request, const std::function<void(base::ByteSink&)>& body,
              Pieces pieces);
  void address(Poco::Net::HTTPRequest& request) const;
  Answer receive();
  Answer exchange(Poco::Net::HTTPRequest& request, const std::string& body);

  ServerAddress server_;
  /// Can be asked for the answer also after sending has failed.
  struct Session : Poco::Net::HTTPClientSession {
    using HTTPClientSession::HTTPClientSession;
    using HTTPSession::clearException;
  };
  Session session_;
  std::optional<Watched> watched_;  // after session_, whose socket it names
};

}  // namespace cli::detail
