#include "cli/detail/connection.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <fcntl.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <variant>

#include "base/error.h"
#include "base/fd.h"
#include "base/http_tls.h"
#include "base/strings.h"

namespace cli::detail {
namespace {

namespace net = Poco::Net;
using base::Errc;
using base::Error;

const Poco::Timespan kConnectTimeout(10, 0);
const Poco::Timespan kAnswerTimeout(1, 0, 0, 0, 0);  // a day: a follow is silent as long as the app is

std::string reasonOf(const Poco::Exception& failure) {
  return failure.code() != 0 ? std::strerror(failure.code()) : failure.displayText();
}

bool nobodyListens(int errorNumber) {
  return errorNumber == ECONNREFUSED || errorNumber == ENOENT || errorNumber == ENOTDIR;
}

net::StreamSocket connectUnix(const std::filesystem::path& folder) {
  // A socket's path has room for 107 bytes; the folder's descriptor makes any path short.
  std::string path = (folder / "fairlead.sock").string();
  base::Fd held;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    held = base::Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!held.valid()) throw net::ConnectionRefusedException(ENOENT);
    path = "/proc/self/fd/" + std::to_string(held.get()) + "/fairlead.sock";
  }
  net::StreamSocket socket;
  socket.connect(net::SocketAddress(net::SocketAddress::UNIX_LOCAL, path));
  return socket;
}

net::Context::Ptr makeContext(const RemoteServer& server) {
  try {
    return base::makeTlsContext(server.authorities);
  } catch (const Poco::Exception&) {
    throw Error(Errc::invalidArgument, "SSL_CERT_FILE or SSL_CERT_DIR names " + server.authorities.string() +
                                           ", which holds no certificates that can be read");
  }
}

net::StreamSocket secured(const net::StreamSocket& plain, const RemoteServer& server) {
  net::StreamSocket timed = plain;
  timed.setReceiveTimeout(kConnectTimeout);  // the session sets its own once it has the socket
  const auto shakeHands = [&] {
    try {
      return base::startTls(plain, server.host, makeContext(server));
    } catch (const net::SSLException& failure) {
      throw Error(Errc::unavailable, "no server answers at " + server.url +
                                         " by TLS: " + base::printable(failure.message(), 200));
    }
  };
  const auto secure = shakeHands();
  if (const auto* refusal = std::get_if<base::UntrustedCertificate>(&secure)) {
    throw Error(Errc::unavailable,
                "the certificate of " + server.url + " is not believed: " + refusal->reason +
                    "; if its authority is your own, name its file: SSL_CERT_FILE=/path/to/ca.pem");
  }
  return std::get<net::StreamSocket>(secure);
}

net::StreamSocket connectTcp(const RemoteServer& server) {
  net::StreamSocket socket;
  socket.connect(net::SocketAddress(server.host, server.port), kConnectTimeout);
  if (server.secure) socket = secured(socket, server);
  socket.setKeepAlive(true);
  socket.setNoDelay(true);
  return socket;
}

class StreamSink : public base::ByteSink {
 public:
  StreamSink(std::ostream& stream, bool atOnce) : stream_(stream), atOnce_(atOnce) {}
  void write(std::string_view bytes) override {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (atOnce_) stream_.flush();
    if (!stream_.good()) throw Error(Errc::unavailable, "the connection to the server broke");
  }
  void flush() { stream_.flush(); }
  bool broken() const { return !stream_.good(); }

 private:
  std::ostream& stream_;
  const bool atOnce_;
};

struct Connect {
  net::StreamSocket operator()(const LocalServer& local) const { return connectUnix(local.dataFolder); }
  net::StreamSocket operator()(const RemoteServer& remote) const { return connectTcp(remote); }
};

struct DescribeAbsence {
  std::string operator()(const LocalServer& local) const {
    const std::string folder = local.dataFolder.string();
    const bool plain =
        folder.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") ==
        std::string::npos;
    return "no server is running on " + folder + "; start it with: fairlead serve --data " +
           (plain ? folder : base::shellQuote(folder));
  }
  std::string operator()(const RemoteServer& remote) const { return "no server answers at " + remote.url; }
};

Error connectError(const ServerAddress& server, const Poco::Exception& failure) {
  if (const auto* local = std::get_if<LocalServer>(&server)) {
    if (failure.code() == EACCES || failure.code() == EPERM) {
      return {Errc::permissionDenied, "this user may not administer the server on " +
                                          local->dataFolder.string() +
                                          "; run the command as the user that runs it (sudo fairlead ...)"};
    }
    return {Errc::unavailable,
            "the server on " + local->dataFolder.string() + " cannot be reached: " + reasonOf(failure)};
  }
  return {Errc::unavailable,
          "no server answers at " + std::get<RemoteServer>(server).url + ": " + reasonOf(failure)};
}

}  // namespace

std::unique_ptr<Connection> Connection::connect(const ServerAddress& server, Watch watch) {
  try {
    return std::unique_ptr<Connection>(new Connection(std::visit(Connect{}, server), server, watch));
  } catch (const Poco::Exception& failure) {
    if (nobodyListens(failure.code())) return nullptr;
    throw connectError(server, failure);
  }
}

std::unique_ptr<Connection> Connection::tryOpen(const ServerAddress& server) {
  return connect(server, Watch::yes);
}

std::unique_ptr<Connection> Connection::open(const ServerAddress& server) {
  auto connection = tryOpen(server);
  if (!connection) throw Error(Errc::unavailable, std::visit(DescribeAbsence{}, server));
  return connection;
}

std::unique_ptr<Connection> Connection::openUnwatched(const ServerAddress& server) {
  auto connection = connect(server, Watch::no);
  if (!connection) throw Error(Errc::unavailable, std::visit(DescribeAbsence{}, server));
  return connection;
}

Connection::Connection(const net::StreamSocket& socket, const ServerAddress& server, Watch watch)
    : server_(server), session_(socket) {
  if (watch == Watch::yes) watched_.emplace(session_.socket());
  session_.setTimeout(kAnswerTimeout);
}

Answer Connection::post(const std::string& path, const std::string& json) {
  net::HTTPRequest request(net::HTTPRequest::HTTP_POST, path, net::HTTPMessage::HTTP_1_1);
  request.setContentType("application/json");
  request.setContentLength64(static_cast<Poco::Int64>(json.size()));
  return exchange(request, json);
}

Answer Connection::get(const std::string& path, const std::optional<Part>& part) {
  net::HTTPRequest request(net::HTTPRequest::HTTP_GET, path, net::HTTPMessage::HTTP_1_1);
  if (part) {
    request.set("Range", "bytes=" + std::to_string(part->from) + "-");
    request.set("If-Range", "\"" + part->tag + "\"");
  }
  return exchange(request, "");
}

Answer Connection::put(const std::string& path, const std::function<void(base::ByteSink&)>& body) {
  net::HTTPRequest request(net::HTTPRequest::HTTP_PUT, path, net::HTTPMessage::HTTP_1_1);
  request.setContentType("application/octet-stream");
  return send(request, body, Pieces::gathered);
}

Answer Connection::post(const std::string& path, const std::function<void(base::ByteSink&)>& body) {
  net::HTTPRequest request(net::HTTPRequest::HTTP_POST, path, net::HTTPMessage::HTTP_1_1);
  request.setContentType("application/x-ndjson");
  return send(request, body, Pieces::atOnce);
}

Answer Connection::send(net::HTTPRequest& request, const std::function<void(base::ByteSink&)>& body,
                        Pieces pieces) {
  request.setChunkedTransferEncoding(true);
  address(request);
  try {
    StreamSink out(session_.sendRequest(request), pieces == Pieces::atOnce);
    try {
      body(out);
      out.flush();
    } catch (const Error&) {
      if (!out.broken()) throw;
    }
    if (out.broken()) session_.clearException();
    return receive();
  } catch (const Poco::Exception& failure) {
    throw Error(Errc::unavailable, "the connection to the server broke: " + reasonOf(failure));
  }
}

void Connection::address(net::HTTPRequest& request) const {
  if (const auto* remote = std::get_if<RemoteServer>(&server_)) {
    request.setURI(remote->pathPrefix + request.getURI());
    request.setHost(remote->host, remote->port);
    if (!remote->token.empty()) request.set("Authorization", "Bearer " + remote->token);
  } else {
    request.setHost("localhost");
  }
}

Answer Connection::exchange(net::HTTPRequest& request, const std::string& body) {
  address(request);
  try {
    auto& out = session_.sendRequest(request);
    out.write(body.data(), static_cast<std::streamsize>(body.size()));
    out.flush();
    return receive();
  } catch (const Poco::Exception& failure) {
    throw Error(Errc::unavailable, "the connection to the server broke: " + reasonOf(failure));
  }
}

Answer Connection::receive() {
  net::HTTPResponse response;
  std::istream& in = session_.receiveResponse(response);
  Answer answer;
  answer.status = response.getStatus();
  answer.reason = response.getReason();
  if (response.hasContentLength())
    answer.sizeBytes = static_cast<std::uint64_t>(response.getContentLength64());
  std::string tag = response.get("ETag", "");
  std::erase(tag, '"');
  answer.digest = base::Digest::tryParse(tag);
  answer.body = &in;
  return answer;
}

}  // namespace cli::detail
