#include "controller/drain_connection.h"

#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/NullStream.h>
#include <Poco/StreamCopier.h>

#include <optional>
#include <variant>

#include "base/base64.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/http_tls.h"
#include "base/version.h"

namespace controller {
namespace {

const Poco::Timespan kTimeout(10, 0);

[[noreturn]] void fail(const std::string& what) {
  throw base::Error(base::Errc::unavailable, what);
}

/// Frames one behind the other; nothing comes back. (RFC 6587; RFC 5425 with TLS.)
class SyslogConnection : public DrainConnection {
 public:
  SyslogConnection(DrainTarget target, std::string token, const DrainReach& reach)
      : target_(std::move(target)), token_(std::move(token)), reach_(reach) {}

  void send(const std::vector<runner::LogLine>& lines) override {
    std::string bytes;
    for (const runner::LogLine& line : lines)
      bytes += syslogFrame(line, token_);
    try {
      connect();
      for (std::size_t at = 0; at < bytes.size();) {
        const int count = socket_->sendBytes(bytes.data() + at, static_cast<int>(bytes.size() - at));
        if (count <= 0) fail("the receiver takes nothing any more");
        at += static_cast<std::size_t>(count);
      }
    } catch (const Poco::Exception& failure) {
      socket_.reset();
      fail(failure.displayText());
    } catch (const base::Error&) {
      socket_.reset();
      throw;
    }
  }

 private:
  void connect() {
    // Receivers send nothing: what can be read is the connection's end.
    if (socket_ && socket_->poll(Poco::Timespan(0), Poco::Net::Socket::SELECT_READ)) socket_.reset();
    if (socket_) return;
    const Poco::Net::SocketAddress address(target_.host, target_.port);
    requireReceiver(address.host(), reach_.local);
    if (target_.kind == DrainTarget::Kind::syslogTls) {
      Poco::Net::StreamSocket plain;
      plain.connect(address, kTimeout);
      plain.setReceiveTimeout(kTimeout);
      plain.setSendTimeout(kTimeout);
      auto secure = base::startTls(plain, target_.host, base::makeTlsContext(reach_.web.caBundle));
      if (const auto* refusal = std::get_if<base::UntrustedCertificate>(&secure))
        fail("the receiver's certificate is not believed: " + refusal->reason);
      socket_ = std::get<Poco::Net::StreamSocket>(secure);
    } else {
      Poco::Net::StreamSocket plain;
      plain.connect(address, kTimeout);
      socket_ = plain;
    }
    socket_->setSendTimeout(kTimeout);
    socket_->setKeepAlive(true);
  }

  const DrainTarget target_;
  const std::string token_;
  const DrainReach reach_;
  std::optional<Poco::Net::StreamSocket> socket_;
};

/// A session that looks at the address that a name turned out to be.
template <typename Session>
class CheckedSession : public Session {
 public:
  template <typename... Arguments>
  explicit CheckedSession(LocalReceivers local, Arguments&&... arguments)
      : Session(std::forward<Arguments>(arguments)...), local_(local) {}

 protected:
  void connect(const Poco::Net::SocketAddress& address) override {
    requireReceiver(address.host(), local_);
    Session::connect(address);
  }

 private:
  const LocalReceivers local_;
};

/// Batches by POST, as Heroku's logplex sends them.
class HttpConnection : public DrainConnection {
 public:
  HttpConnection(DrainTarget target, std::string token, const DrainReach& reach)
      : target_(std::move(target)), token_(std::move(token)) {
    if (target_.kind == DrainTarget::Kind::https)
      session_ = std::make_unique<CheckedSession<Poco::Net::HTTPSClientSession>>(
          reach.local, target_.host, target_.port, base::makeTlsContext(reach.web.caBundle));
    else
      session_ = std::make_unique<CheckedSession<Poco::Net::HTTPClientSession>>(reach.local, target_.host,
                                                                                target_.port);
    session_->setTimeout(kTimeout);
    session_->setKeepAlive(true);
  }

  void send(const std::vector<runner::LogLine>& lines) override {
    std::string body;
    for (const runner::LogLine& line : lines)
      body += logplexFrame(line);
    Poco::Net::HTTPRequest request("POST", target_.path, "HTTP/1.1");
    request.setContentType("application/logplex-1");
    request.setContentLength(static_cast<std::streamsize>(body.size()));
    request.set("User-Agent", "fairlead/" + std::string(base::kVersion));
    request.set("Logplex-Msg-Count", std::to_string(lines.size()));
    // The same for the same lines: a receiver can drop what it has got twice.
    request.set("Logplex-Frame-Id", base::Digest::of(token_ + body).hex().substr(0, 32));
    request.set("Logplex-Drain-Token", token_);
    if (!target_.userInfo.empty()) request.set("Authorization", "Basic " + base::toBase64(target_.userInfo));
    try {
      session_->sendRequest(request) << body;
      Poco::Net::HTTPResponse response;
      std::istream& answer = session_->receiveResponse(response);
      Poco::NullOutputStream nothing;
      Poco::StreamCopier::copyStream(answer, nothing);
      const int status = response.getStatus();
      if (status < 200 || status > 299) fail("the receiver answered " + std::to_string(status));
    } catch (const Poco::Exception& failure) {
      session_->reset();
      fail(failure.displayText());
    }
  }

 private:
  const DrainTarget target_;
  const std::string token_;
  std::unique_ptr<Poco::Net::HTTPClientSession> session_;
};

}  // namespace

std::unique_ptr<DrainConnection> makeDrainConnection(const DrainTarget& target, const std::string& token,
                                                     const DrainReach& reach) {
  if (target.isHttp()) return std::make_unique<HttpConnection>(target, token, reach);
  return std::make_unique<SyslogConnection>(target, token, reach);
}

}  // namespace controller
