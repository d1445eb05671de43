#include "controller/url_signer.h"

#include <cstdint>
#include <map>

#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/signing_key.h"

namespace controller {
namespace {

std::map<std::string, std::string> queryOf(const std::string& url) {
  std::map<std::string, std::string> values;
  const auto mark = url.find('?');
  if (mark == std::string::npos) return values;
  for (const std::string& part : base::split(std::string_view(url).substr(mark + 1), '&')) {
    const auto equals = part.find('=');
    if (equals != std::string::npos) values.emplace(part.substr(0, equals), part.substr(equals + 1));
  }
  return values;
}

std::uint64_t secondsOf(base::Time time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace

UrlSigner::UrlSigner(const std::filesystem::path& keyFile, std::chrono::seconds lifetime,
                     const base::Clock& clock)
    : key_(readOrMakeKey(keyFile, "URLs that were signed")), lifetime_(lifetime), clock_(clock) {}

std::string UrlSigner::signature(std::string_view method, std::string_view path,
                                 std::uint64_t expires) const {
  const std::string text = std::string(method == "HEAD" ? "GET" : method) + "\n" + std::string(path) + "\n" +
                           std::to_string(expires);
  return base::hmacSha256Hex(key_, text);
}

std::string UrlSigner::sign(std::string_view method, const std::string& path) const {
  const std::uint64_t expires = secondsOf(clock_.now() + lifetime_);
  return path + "?expires=" + std::to_string(expires) + "&signature=" + signature(method, path, expires);
}

base::Time UrlSigner::check(std::string_view method, const std::string& pathAndQuery) const {
  const auto query = queryOf(pathAndQuery);
  const auto expires = query.find("expires");
  const auto given = query.find("signature");
  std::uint64_t seconds = 0;
  if (expires == query.end() || given == query.end() || !base::parseNumber(expires->second, seconds) ||
      !sameSignature(signature(method, pathAndQuery.substr(0, pathAndQuery.find('?')), seconds),
                     given->second))
    throw base::Error(base::Errc::permissionDenied,
                      "this URL's signature is not right: use it whole, as the server gave it");
  if (seconds < secondsOf(clock_.now()))
    throw base::Error(base::Errc::permissionDenied,
                      "this URL's time is over (setting url_lifetime_s): ask the server for a new one");
  return base::Time(std::chrono::seconds(seconds));
}

bool UrlSigner::isSigned(const std::string& url) {
  return queryOf(url).contains("signature");
}

}  // namespace controller
