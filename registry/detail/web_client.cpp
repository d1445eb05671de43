#include "registry/detail/web_client.h"

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/URI.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/http_tls.h"
#include "base/strings.h"
#include "base/version.h"
#include "registry/image_reference.h"

namespace registry::detail {
namespace {

using Poco::Net::HTTPClientSession;
using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;

constexpr std::uint64_t kAskFirstBytes = 64u << 10;
constexpr Poco::Timespan::TimeDiff kContinueWaitUs = 1'000'000;
constexpr std::uint64_t kDrainBytes = 256u << 10;  // of an answer nobody read: cheaper than a new connection

[[noreturn]] void failed(const std::string& host, const std::stop_token& stop, const std::string& why) {
  if (stop.stop_requested()) throw base::Error(base::Errc::cancelled, "cancelled");
  throw base::Error(base::Errc::unavailable, host + " does not answer: " + base::printable(why, 200));
}

/// A host that no_proxy names, by itself or by its domain.
bool bypassesProxy(const std::string& noProxy, const std::string& host) {
  if (isLoopbackHost(host)) return true;
  for (const std::string& word : base::split(noProxy, ',')) {
    std::string_view name = base::trim(word);
    if (name == "*") return true;
    if (name.starts_with("*.")) name.remove_prefix(1);
    if (name.empty()) continue;
    const std::string suffix = name.starts_with('.') ? std::string(name) : "." + std::string(name);
    if (host == name || host.ends_with(suffix)) return true;
  }
  return false;
}

HTTPClientSession::ProxyConfig proxyOf(const std::string& text) {
  HTTPClientSession::ProxyConfig config;
  const Poco::URI uri(text.find("://") == std::string::npos ? "http://" + text : text);
  config.host = uri.getHost();
  config.port = uri.getPort();
  const std::string user = uri.getUserInfo();
  config.username = user.substr(0, user.find(':'));
  if (const auto colon = user.find(':'); colon != std::string::npos) config.password = user.substr(colon + 1);
  return config;
}

bool mayHaveBody(const std::string& method) {
  return method == HTTPRequest::HTTP_POST || method == HTTPRequest::HTTP_PUT ||
         method == HTTPRequest::HTTP_PATCH;
}

/// False when the server stopped reading: it may have said why.
bool sendBody(std::ostream& out, const WebBody& body, const std::stop_token& stop) {
  std::string buffer(128u << 10, '\0');
  std::uint64_t left = body.sizeBytes;
  while (left > 0) {
    if (stop.stop_requested()) return false;
    const std::size_t got = body.bytes.read(buffer.data(), std::min<std::uint64_t>(buffer.size(), left));
    if (got == 0) throw base::Error(base::Errc::corrupt, "a blob is shorter than it should be");
    if (!out.write(buffer.data(), static_cast<std::streamsize>(got))) return false;
    left -= got;
  }
  return static_cast<bool>(out.flush());
}

}  // namespace

std::vector<std::string> WebAnswer::headers(const std::string& name) const {
  std::vector<std::string> values;
  for (auto each = head_.find(name); each != head_.end() && Poco::icompare(each->first, name) == 0; ++each)
    values.push_back(each->second);
  return values;
}

std::size_t WebAnswer::read(char* buffer, std::size_t capacity) {
  if (left_ == 0 || !body_) return 0;
  body_->read(buffer,
              static_cast<std::streamsize>(left_ ? std::min<std::uint64_t>(capacity, *left_) : capacity));
  const auto got = static_cast<std::size_t>(body_->gcount());
  if (got == 0 && (body_->bad() || left_)) failed(host_, stop_, "it ended the connection within an answer");
  if (left_) *left_ -= got;
  return got;
}

std::string WebAnswer::text(std::size_t maxBytes) {
  std::string text;
  std::string buffer(16u << 10, '\0');
  while (const std::size_t got = read(buffer.data(), buffer.size())) {
    text.append(buffer, 0, got);
    if (text.size() > maxBytes)
      throw base::Error(base::Errc::unavailable,
                        host_ + " answers with more than " + std::to_string(maxBytes) + " bytes");
  }
  return text;
}

struct WebClient::Site {
  std::string scheme;
  std::string host;
  std::uint16_t port;
  std::string path;  // with the query

  std::string shown() const { return host + ":" + std::to_string(port); }
};

WebClient::WebClient(WebOptions options, std::stop_token stop)
    : options_(std::move(options)), stop_(std::move(stop)) {
  onStop_.emplace(stop_, [this] { abort(); });
}

WebClient::~WebClient() = default;

/// On the thread that asks for the stop.
void WebClient::abort() noexcept {
  const std::lock_guard lock(mutex_);
  if (!current_) return;
  try {
    current_->abort();
  } catch (...) {  // it was not connected
  }
}

WebClient::Session& WebClient::sessionFor(const Site& site) {
  auto& session = sessions_[site.scheme + "://" + site.shown()];
  if (session) return *session;
  const bool secure = site.scheme == "https";
  if (secure)
    session = std::make_unique<Poco::Net::HTTPSClientSession>(site.host, site.port,
                                                              base::makeTlsContext(options_.caBundle));
  else
    session = std::make_unique<Session>(site.host, site.port);
  const std::string& proxy = secure ? options_.httpsProxy : options_.httpProxy;
  session->setProxyConfig(proxy.empty() || bypassesProxy(options_.noProxy, site.host)
                              ? HTTPClientSession::ProxyConfig()
                              : proxyOf(proxy));
  session->setKeepAlive(true);
  const Poco::Timespan silence(options_.silenceTimeout.count(), 0);
  session->setTimeout(Poco::Timespan(options_.connectTimeout.count(), 0), silence, silence);
  return *session;
}

/// What is left of the answer before stands between this request and the connection.
void WebClient::finishLast() {
  if (!answer_.body_) return;
  std::string buffer(16u << 10, '\0');
  std::uint64_t drained = 0;
  bool whole = false;
  try {
    while (drained < kDrainBytes) {
      const std::size_t got = answer_.read(buffer.data(), buffer.size());
      drained += got;
      whole = got == 0;
      if (whole) break;
    }
  } catch (const base::Error&) {
    whole = false;
  }
  answer_.body_ = nullptr;
  if (whole) return;
  const std::lock_guard lock(mutex_);
  if (current_) current_->reset();
}

void WebClient::exchange(Session& session, const Site& site, const WebRequest& request) {
  HTTPRequest head(request.method, site.path, HTTPRequest::HTTP_1_1);
  head.set("User-Agent", std::string("fairlead/") + std::string(base::kVersion));
  for (const auto& [name, value] : request.headers)
    head.set(name, value);
  const WebBody* body = request.body;
  if (body)
    head.setContentLength64(static_cast<std::int64_t>(body->sizeBytes));
  else if (mayHaveBody(request.method))
    head.setContentLength(0);
  const bool asks = body && body->sizeBytes > kAskFirstBytes;
  if (asks) head.setExpectContinue(true);
  HTTPResponse& answer = answer_.head_;
  std::ostream& out = session.sendRequest(head);
  // A stop while it connected found nothing to shut down; from here on abort() does.
  if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "cancelled");
  bool wanted = true;
  if (asks) {
    out.flush();
    if (session.socket().poll(kContinueWaitUs, Poco::Net::Socket::SELECT_READ))
      wanted = session.peekResponse(answer);
  }
  if (body && wanted && !sendBody(out, *body, stop_) && stop_.stop_requested())
    throw base::Error(base::Errc::cancelled, "cancelled");
  answer_.body_ = &session.receiveResponse(answer);
  answer_.host_ = site.host;
  answer_.stop_ = stop_;
  answer_.left_.reset();
  if (answer.hasContentLength()) answer_.left_ = static_cast<std::uint64_t>(answer.getContentLength64());
  const int status = answer.getStatus();
  if (request.method == HTTPRequest::HTTP_HEAD || status == 204 || status == 304) answer_.left_ = 0;
  if (!wanted) answer.setKeepAlive(false);  // some then still wait for the body
}

WebAnswer& WebClient::send(const WebRequest& request) {
  finishLast();
  if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "cancelled");
  Site site;
  try {
    const Poco::URI uri(request.url);
    site = {uri.getScheme(), uri.getHost(), uri.getPort(), uri.getPathAndQuery()};
  } catch (const Poco::Exception&) {
    throw base::Error(base::Errc::unavailable,
                      "a registry names the URL \"" + base::printable(request.url) + "\", which is none");
  }
  if ((site.scheme != "http" && site.scheme != "https") || site.host.empty())
    throw base::Error(base::Errc::unavailable,
                      "a registry names the URL \"" + base::printable(request.url) + "\", which is not HTTP");
  if (site.path.empty()) site.path = "/";
  Session& session = sessionFor(site);
  {
    const std::lock_guard lock(mutex_);
    current_ = &session;
  }
  const bool reused = session.connected();
  try {
    try {
      exchange(session, site, request);
    } catch (const Poco::Exception&) {
      session.reset();
      // A kept connection may have been closed meanwhile; a body that was read is not sent twice.
      if (!reused || request.body || stop_.stop_requested()) throw;
      exchange(session, site, request);
    }
  } catch (const Poco::Exception& failure) {
    session.reset();
    answer_.body_ = nullptr;
    failed(site.host, stop_, failure.displayText());
  } catch (...) {
    session.reset();
    answer_.body_ = nullptr;
    throw;
  }
  return answer_;
}

}  // namespace registry::detail
