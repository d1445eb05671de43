// Requests as Caddy writes them down, and as the log of the app shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "runner/detail/caddy_json.h"
#include "runner/detail/cri_log.h"

namespace runner::detail {

/// In the router's folder. Caddy only appends; with 64 MiB in it, it is moved aside, and one such is kept.
inline constexpr const char* kAccessLog = "caddy/access.log";
/// What it is called where an app's log notes how far it was taken.
inline constexpr const char* kAccessSpool = "access.log";
/// A server's "logs": its requests go to the log below.
base::JsonObject::Ptr accessLogOfServer();
/// A member of "logging.logs": the file.
base::JsonObject::Ptr accessLogWriter();
/// A handler, before all others: what a line has beside what Caddy puts there itself.
CaddyValue accessLogNotes();
/// What the log of Caddy itself leaves out: all that has to do with single requests. Each log that such a
/// message could go to costs every request, whether it has one or not.
base::JsonArray::Ptr namesOfRequests();

/// One request, when its answer has ended.
struct AccessLine {
  LogTime time = 0;
  std::string method;
  std::string uri;
  std::string host;  ///< as the client wrote it
  std::string remote;
  std::string forwarded;  ///< X-Forwarded-For as it came, or empty
  std::string requestId;  ///< what the request is called, or empty
  std::string protocol;
  double seconds = 0;
  int status = 0;
  std::uint64_t bytes = 0;  ///< of the answer's body
};

/// A line of the file: JSON that holds what strangers sent. nullopt for anything that is not such a line.
std::optional<AccessLine> parseAccessLine(std::string_view json);

/// at=info method=GET path="/" host=hello.localhost request_id=... fwd="192.0.2.7" service=3ms status=200
/// bytes=12 protocol=HTTP/1.1: words as Heroku's router has them. What is no plain word is in quotes, with \"
/// \\ and \xHH; a value of more than 2048 bytes is cut, and ends with "...".
std::string formatAccessLine(const AccessLine& line);

/// The host to look an app up by: in small letters, without port and last dot.
std::string hostOf(const AccessLine& line);

}  // namespace runner::detail
