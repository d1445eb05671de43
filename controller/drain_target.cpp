#include "controller/drain_target.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace controller {
namespace {

constexpr std::size_t kMaxUrl = 2000;
// Facility local7 and severity info for the app, syslog's own facility for the platform.
constexpr int kAppPriority = 23 * 8 + 6;
constexpr int kPlatformPriority = 5 * 8 + 6;

[[noreturn]] void refuse() {
  throw base::Error(
      base::Errc::invalidArgument,
      "a drain is syslog://HOST:PORT, syslog+tls://HOST:PORT or https://[USER:PASSWORD@]HOST/PATH");
}

/// Of header fields: visible ASCII without spaces, at most `max`.
std::string field(std::string_view text, std::size_t max) {
  std::string clean;
  for (const char c : text.substr(0, max))
    clean += c > ' ' && c < 0x7f ? c : '-';
  return clean.empty() ? "-" : clean;
}

std::string head(const runner::LogLine& line, const std::string& host) {
  const int priority = line.source == "app" ? kAppPriority : kPlatformPriority;
  return "<" + std::to_string(priority) + ">1 " + line.time + " " + field(host, 255) + " " +
         field(line.source, 48) + " " + field(line.process, 128);
}

std::string framed(const std::string& message) {
  return std::to_string(message.size()) + " " + message;
}

}  // namespace

DrainTarget DrainTarget::parse(const std::string& url) {
  const bool clean = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!clean || url.size() > kMaxUrl) refuse();
  try {
    const Poco::URI uri(url);
    DrainTarget target;
    const std::string scheme = uri.getScheme();
    if (scheme == "syslog")
      target.kind = Kind::syslog;
    else if (scheme == "syslog+tls" || scheme == "syslogs")
      target.kind = Kind::syslogTls;
    else if (scheme == "http")
      target.kind = Kind::http;
    else if (scheme == "https")
      target.kind = Kind::https;
    else
      refuse();
    target.host = uri.getHost();
    Poco::URI::decode(uri.getUserInfo(), target.userInfo);
    target.path = uri.getPathAndQuery().empty() ? "/" : uri.getPathAndQuery();
    if (target.path.front() != '/') target.path.insert(0, "/");
    target.port = uri.getPort();
    if (target.port == 0) target.port = target.kind == Kind::http ? 80 : target.kind == Kind::https ? 443 : 0;
    if (target.kind == Kind::syslogTls && target.port == 0) target.port = 6514;
    if (target.host.empty() || target.port == 0) refuse();
    if (!target.isHttp() && (target.path != "/" || !target.userInfo.empty())) refuse();
    return target;
  } catch (const Poco::Exception&) {
    refuse();
  }
}

std::string withoutPassword(const std::string& url) {
  const auto begin = url.find("://");
  if (begin == std::string::npos) return url;
  const auto end = url.find_first_of("/?#", begin + 3);
  const auto at = url.substr(0, end).rfind('@');
  const auto colon = url.find(':', begin + 3);
  if (at == std::string::npos || colon == std::string::npos || colon > at) return url;
  return url.substr(0, colon + 1) + "***" + url.substr(at);
}

std::string syslogFrame(const runner::LogLine& line, const std::string& token) {
  return framed(head(line, token) + " - - " + line.text + "\n");
}

std::string logplexFrame(const runner::LogLine& line) {
  return framed(head(line, "host") + " - " + line.text + "\n");
}

}  // namespace controller
