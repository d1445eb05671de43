#include "base/detail/http_connection.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/NetException.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <exception>
#include <utility>

#include "base/detail/http_lobby.h"
#include "base/json.h"

namespace base::detail {
namespace {

namespace net = Poco::Net;

void prepare(HttpConnectionParts& parts, net::HTTPServerResponseImpl& response,
             const net::HTTPServerRequestImpl& request) {
  response.setDate(Poco::Timestamp());
  response.setVersion(request.getVersion());
  // A client that asks before it sends its body may send it all the same after a refusal: then nobody could
  // tell where the next request begins. RequestBody sets this again when it asks for the body.
  response.setKeepAlive(request.getKeepAlive() && parts.keepsAlive && !request.getExpectContinue() &&
                        !parts.stopping);
}

std::unique_ptr<net::HTTPRequestHandler> chooseHandler(HttpConnectionParts& parts,
                                                       const HttpRequest& request) {
  try {
    return parts.router(request);
  } catch (...) {
    const auto failure = std::current_exception();
    return makeHandler([failure](HttpRequest&, HttpResponse&) { std::rethrow_exception(failure); });
  }
}

/// Reads what the handler left of the body, so that the next request is found behind it, and so that
/// closing does not reset the connection while the answer is on its way. False when that is not worth the
/// wait.
bool skipBody(HttpSession& session) {
  constexpr std::size_t kMaxSkipped = 16 << 20;
  constexpr auto kMaxWait = std::chrono::seconds(5);
  const auto deadline = std::chrono::steady_clock::now() + kMaxWait;
  std::array<char, 16384> buffer{};
  try {
    for (std::size_t skipped = 0; !session.bodyHasEnded(); skipped += buffer.size()) {
      if (skipped >= kMaxSkipped || std::chrono::steady_clock::now() > deadline) return false;
      session.readBody(buffer.data(), buffer.size());
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Lets the answer arrive: closing a socket with unread bytes in it resets the connection.
void closeGently(const net::StreamSocket& connection) {
  const int socket = connection.impl()->sockfd();
  ::shutdown(socket, SHUT_WR);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::array<char, 16384> buffer{};
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 1000) <= 0 || ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) <= 0)
      return;
  }
}

void refuse(net::HTTPServerSession& session) {
  net::HTTPServerResponseImpl response(session);
  response.setVersion(net::HTTPMessage::HTTP_1_1);
  response.setStatusAndReason(net::HTTPResponse::HTTP_BAD_REQUEST);
  response.setKeepAlive(false);
  response.setContentLength(0);
  response.send().flush();
}

/// Most heads are there before a thread looks at them; the others have to come soon, byte by byte or not.
class HeadLimit {
 public:
  explicit HeadLimit(HttpSession& session) : socket_(dynamic_cast<HttpSocket&>(*session.socket().impl())) {
    constexpr auto kRestOfHead = std::chrono::seconds(5);
    socket_.limitReads(std::chrono::steady_clock::now() + kRestOfHead);
  }
  void lift() const { socket_.limitReads(std::nullopt); }

 private:
  HttpSocket& socket_;
};

/// False when the connection has to end.
bool serveOne(HttpSession& session, HttpConnectionParts& parts) {
  auto response = std::make_unique<net::HTTPServerResponseImpl>(session);
  std::unique_ptr<net::HTTPServerRequestImpl> request;
  const HeadLimit limit(session);
  try {
    request = std::make_unique<net::HTTPServerRequestImpl>(*response, session, parts.params);
  } catch (const net::NoMessageException&) {
    return false;
  } catch (const Poco::Exception&) {
    refuse(session);
    return false;
  }
  limit.lift();
  session.beginBody(*request);
  prepare(parts, *response, *request);
  chooseHandler(parts, *request)->handleRequest(*request, *response);
  const bool keepAlive = response->sent() && response->getKeepAlive();
  response.reset();  // sends what is left of the answer, before we wait for what is left of the request
  if (request->getExpectContinue()) {  // RequestBody takes that away: nobody asked for the body
    closeGently(session.socket());
    return false;
  }
  return skipBody(session) && keepAlive;
}

}  // namespace

int HttpSocket::receiveBytes(void* buffer, int length, int flags) {
  if (deadline_) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - std::chrono::steady_clock::now());
    pollfd waiting{.fd = sockfd(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0)
      throw Poco::TimeoutException();
  }
  return StreamSocketImpl::receiveBytes(buffer, length, flags);
}

bool serveRequests(net::StreamSocket& connection, HttpConnectionParts& parts,
                   const std::function<bool(HttpSession&)>& awaitNext) {
  HttpSession session(connection, parts.params);
  const auto sendTimeout = std::chrono::duration_cast<std::chrono::microseconds>(parts.sendTimeout);
  session.socket().setSendTimeout(Poco::Timespan(sendTimeout.count()));
  bool good = false;
  try {
    do {
      good = serveOne(session, parts);
    } while (good && awaitNext(session));
  } catch (const std::exception&) {
    good = false;  // The client is gone; handlers' own errors do not come this far.
  }
  session.detachSocket();  // which the session else closes
  return good;
}

void refuseConnection(const net::StreamSocket& connection, Farewell farewell, const Refusal& refusal) {
  const int socket = connection.impl()->sockfd();
  auto json = makeJsonObject();
  json->set("id", std::string(refusal.id));
  json->set("message", refusal.message);
  const std::string body = toJson(json);
  const auto status = static_cast<net::HTTPResponse::HTTPStatus>(refusal.status);
  const std::string answer =
      "HTTP/1.1 " + std::to_string(refusal.status) + " " + net::HTTPResponse::getReasonForStatus(status) +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\nConnection: close\r\n\r\n" + body;
  if (farewell == Farewell::quick) {
    // What was sent and is not read would reset the connection before the answer has arrived.
    std::array<char, kMaxHeadBytes> unread{};
    static_cast<void>(::recv(socket, unread.data(), unread.size(), MSG_DONTWAIT));
  }
  ::send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (farewell == Farewell::patient) closeGently(connection);
}

}  // namespace base::detail
