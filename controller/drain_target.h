// Where a drain sends to, and how a line looks there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runner/app_log.h"

namespace controller {

/// A drain's URL, taken apart.
struct DrainTarget {
  enum class Kind {
    syslog,     ///< syslog://HOST:PORT, over TCP
    syslogTls,  ///< syslog+tls://HOST:PORT
    http,       ///< http:// or https:// [USER:PASSWORD@]HOST[:PORT][/PATH][?QUERY]
    https
  };
  Kind kind = Kind::syslog;
  std::string host;
  std::uint16_t port = 0;
  std::string path;      ///< with the query
  std::string userInfo;  ///< "USER:PASSWORD", decoded, or empty
  bool isHttp() const { return kind == Kind::http || kind == Kind::https; }

  /// Throws invalidArgument with the forms that are understood.
  static DrainTarget parse(const std::string& url);
};

/// The URL for people to see: a password is "***".
std::string withoutPassword(const std::string& url);

/// One message with its length in front. (RFC 6587, section 3.4.1; RFC 5424, section 6.) `token` is its host
/// name.
std::string syslogFrame(const runner::LogLine& line, const std::string& token);
/// The same in the form that Heroku's logplex posts: without structured data, the host "host".
std::string logplexFrame(const runner::LogLine& line);

}  // namespace controller
