#include "registry/detail/authorized_client.h"

#include <Poco/URI.h>

#include <algorithm>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "registry/detail/text_source.h"

namespace registry::detail {
namespace {

using base::Errc;
using base::Error;
using std::chrono::seconds;

constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxTokenAnswer = 256u << 10;
constexpr std::size_t kMaxErrorBody = 64u << 10;
constexpr std::uint64_t kTokenSeconds = 60;  // when the answer does not say
constexpr std::uint64_t kMaxTokenSeconds = 24 * 3600;
constexpr std::uint64_t kMaxRetryAfter = 3600;

/// docker.io's registry has another name than docker.io.
std::string baseOf(const ClientOptions& options) {
  const std::string host = options.host == "docker.io" ? "registry-1.docker.io" : options.host;
  return (options.web.speaksTls(host) ? "https://" : "http://") + host;
}

std::string basicOf(const RegistryCredential& credential) {
  return "Basic " + base::toBase64(credential.user + ":" + credential.password);
}

std::string escaped(const std::string& text) {
  std::string out;
  Poco::URI::encode(text, "!#$&'()*+,/:;=?@[] ", out);
  return out;
}

bool isRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string siteOf(const std::string& url) {
  const Poco::URI uri(url);
  return uri.getScheme() + "://" + uri.getHost() + ":" + std::to_string(uri.getPort());
}

/// {"errors": [{"code", "message"}]}, or what there is.
std::string wordsOf(const std::string& body) {
  try {
    const auto json = base::parseJsonObject(body, "the answer", kMaxErrorBody);
    const auto errors = json->getArray("errors");
    const auto first = errors && errors->size() > 0 ? errors->getObject(0) : nullptr;
    if (!first) return base::jsonString(json, "details", base::jsonString(json, "message"));
    const std::string message = base::jsonString(first, "message");
    return message.empty() ? base::jsonString(first, "code") : message;
  } catch (const Error&) {
    return "";
  }
}

Errc codeOf(int status) {
  switch (status) {
    case 401:
      return Errc::unauthenticated;
    case 403:
      return Errc::permissionDenied;
    case 404:
      return Errc::notFound;
    case 408:
      return Errc::timedOut;
    case 429:
      return Errc::overloaded;
    default:
      return status >= 500 ? Errc::unavailable : Errc::invalidArgument;
  }
}

}  // namespace

AuthorizedClient::AuthorizedClient(const ClientOptions& options, std::stop_token stop)
    : options_(options), stop_(stop), base_(baseOf(options)), web_(options.web, std::move(stop)) {}

void AuthorizedClient::refuse(WebAnswer& answer, const std::string& doing) {
  const int status = answer.status();
  std::string words = base::printable(wordsOf(answer.text(kMaxErrorBody)), 200);
  std::uint64_t wait = 0;
  retryAfter_ =
      seconds(base::parseNumber(answer.header("Retry-After"), wait) ? std::min(wait, kMaxRetryAfter) : 0);
  std::string text = doing + ": " + options_.host + " answers " + std::to_string(status);
  if (!words.empty()) text += " (" + words + ")";
  if (status == 401 || status == 403)
    text += (options_.credential ? ": log in with an account that may do that: fairlead registries:add "
                                 : ": log in there with: fairlead registries:add ") +
            options_.host;
  throw Error(codeOf(status), text);
}

std::string AuthorizedClient::authorization(const std::string& scopes) {
  if (basic_) return basicOf(*options_.credential);
  if (!bearer_) return "";
  const auto found = tokens_.find(scopes);
  if (found == tokens_.end() || std::chrono::steady_clock::now() >= found->second.renewAt)
    tokens_[scopes] = fetchToken(*bearer_, scopes);
  return "Bearer " + tokens_[scopes].text;
}

WebAnswer& AuthorizedClient::askForToken(const AuthChallenge& challenge, const std::string& scopes) {
  const std::string realm = challenge.parameter("realm");
  const std::string service = challenge.parameter("service");
  if (options_.credential && base_.starts_with("https://") && !realm.starts_with("https://"))
    throw Error(Errc::permissionDenied, options_.host + " wants its password sent without encryption to \"" +
                                            base::printable(realm) + "\": not done");
  if (options_.credential && !options_.credential->identityToken.empty()) {
    const std::string text = "grant_type=refresh_token&client_id=fairlead&service=" + escaped(service) +
                             "&scope=" + escaped(scopes) +
                             "&refresh_token=" + escaped(options_.credential->identityToken);
    TextSource form(text);
    const WebBody body{form, text.size()};
    return web_.send({.method = "POST",
                      .url = realm,
                      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                      .body = &body});
  }
  std::string url =
      realm + (realm.find('?') == std::string::npos ? "?" : "&") + "service=" + escaped(service);
  for (const std::string& scope : base::split(scopes, ' '))
    url += "&scope=" + escaped(scope);
  WebRequest request{.method = "GET", .url = url, .headers = {}};
  if (options_.credential) request.headers.emplace_back("Authorization", basicOf(*options_.credential));
  return web_.send(request);
}

AuthorizedClient::Token AuthorizedClient::fetchToken(const AuthChallenge& challenge,
                                                     const std::string& scopes) {
  const auto now = std::chrono::steady_clock::now();
  WebAnswer& answer = askForToken(challenge, scopes);
  if (answer.status() != 200) refuse(answer, "logging in");
  const auto json = base::parseJsonObject(answer.text(kMaxTokenAnswer), "the token of " + options_.host);
  Token token;
  token.text = base::jsonString(json, "token", base::jsonString(json, "access_token"));
  if (token.text.empty() || token.text.find_first_of("\r\n") != std::string::npos)
    throw Error(Errc::unavailable, options_.host + " gives no token");
  const auto lifetime = json->optValue<std::uint64_t>("expires_in", kTokenSeconds);
  token.renewAt = now + seconds(std::min(lifetime, kMaxTokenSeconds) * 3 / 4);
  return token;
}

bool AuthorizedClient::logIn(const std::vector<std::string>& challenges, const std::string& scopes) {
  for (const std::string& header : challenges) {
    for (const AuthChallenge& challenge : parseAuthChallenges(header)) {
      if (challenge.scheme == "bearer" && !challenge.parameter("realm").empty()) {
        bearer_ = challenge;
        tokens_.erase(scopes);  // a token that was refused
        return true;
      }
      if (challenge.scheme == "basic" && options_.credential && !basic_) {
        basic_ = true;
        return true;
      }
    }
  }
  return false;
}

WebAnswer& AuthorizedClient::send(WebRequest request, const std::string& scopes) {
  if (request.url.starts_with('/')) request.url.insert(0, base_);
  const auto headers = request.headers;
  const std::string home = siteOf(base_);
  int redirects = 0;
  bool loggedIn = false;
  while (true) {
    request.headers = headers;
    // Elsewhere (a store of blobs) the token is nobody's business.
    const bool ours = siteOf(request.url) == home;
    if (const std::string value = ours ? authorization(scopes) : ""; !value.empty())
      request.headers.emplace_back("Authorization", value);
    WebAnswer& answer = web_.send(request);
    if (answer.status() == 401 && ours && !loggedIn) {
      loggedIn = logIn(answer.headers("WWW-Authenticate"), scopes);
      if (!loggedIn || request.body) return answer;  // what is left of a body is not enough to send it again
      continue;
    }
    const std::string location = answer.header("Location");
    if (request.method != "GET" || !isRedirect(answer.status()) || location.empty() ||
        ++redirects > kMaxRedirects)
      return answer;
    request.url = Poco::URI(Poco::URI(request.url), location).toString();
  }
}

}  // namespace registry::detail
