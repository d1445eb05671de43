// HttpServer of base/http.h, over Poco's TCPServer. The loop over a connection's requests is our own: Poco's
// leaves unread request bodies in front of the next request, and cannot tell idle connections from busy ones
// when it stops.
#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnection.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/ThreadPool.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/http.h"
#include "base/http_session.h"
#include "base/strings.h"

namespace base {
namespace {

namespace net = Poco::Net;

constexpr auto kIoTimeout = std::chrono::seconds(30);
// Only while connections wait for a thread.
constexpr auto kCrowdedWait = std::chrono::milliseconds(250);
constexpr auto kCrowdedHead = std::chrono::seconds(1);

Poco::Timespan toTimespan(std::chrono::microseconds time) {
  return Poco::Timespan(time.count());
}

void closeOnExec(const net::Socket& socket) {
  ::fcntl(socket.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
}

/// Which connections are open, and what each does. Thread-safe.
class Connections {
 public:
  enum class State {
    waiting,  ///< for a request
    reading,  ///< its head
    busy,
    leaving  ///< somebody else needs its thread
  };

  /// False when the server is stopping: then the connection must end.
  bool add(int socket) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    open_[socket] = {State::waiting, Clock::now()};
    return true;
  }

  /// Before the socket is closed: its number may be another's then.
  void remove(int socket) {
    const std::lock_guard lock(mutex_);
    open_.erase(socket);
    changed_.notify_all();
  }

  /// False when the connection must end. A request that has begun is answered, though the server is stopping.
  bool become(State state, int socket) {
    const std::lock_guard lock(mutex_);
    Entry& entry = open_[socket];
    if (entry.state == State::leaving || (stopping_ && state != State::busy)) return false;
    entry = {state, Clock::now()};
    return true;
  }

  /// Ends those that have been without a whole request for too long to have a thread while others wait for
  /// one: who opens many and says nothing, or a byte now and then, keeps nobody out.
  void makeRoom() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    for (auto& [socket, entry] : open_) {
      const auto age = now - entry.since;
      if ((entry.state != State::waiting || age < kCrowdedWait) &&
          (entry.state != State::reading || age < kCrowdedHead))
        continue;
      entry.state = State::leaving;
      ::shutdown(socket, SHUT_RDWR);
    }
  }

  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

  void stop(std::chrono::milliseconds grace) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (const auto& [socket, entry] : open_) {
      if (entry.state == State::waiting) ::shutdown(socket, SHUT_RDWR);
    }
    changed_.wait_for(lock, grace, [&] { return open_.empty(); });
    for (const auto& [socket, entry] : open_)
      ::shutdown(socket, SHUT_RDWR);
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    State state = State::waiting;
    Clock::time_point since;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, Entry> open_;
  bool stopping_ = false;
};

struct Shared {
  HttpRouter router;
  HttpServerOptions options;
  net::HTTPServerParams::Ptr params;
  Connections connections;
};

class Connection : public net::TCPServerConnection {
  using State = Connections::State;

 public:
  Connection(const net::StreamSocket& socket, Shared& shared)
      : TCPServerConnection(socket), shared_(shared) {}

  void run() override {
    HttpSession session(socket(), shared_.params);
    session.socket().setSendTimeout(toTimespan(kIoTimeout));
    const int number = socket().impl()->sockfd();
    if (!shared_.connections.add(number)) return;
    std::chrono::milliseconds patience = kIoTimeout;
    try {
      while (session.awaitRequest(patience) && shared_.connections.become(State::reading, number)) {
        if (!serveOne(session) || !shared_.connections.become(State::waiting, number)) break;
        patience = std::chrono::seconds(shared_.options.keepAliveSeconds);
      }
    } catch (const std::exception&) {
      // The client is gone; handlers' own errors do not come this far.
    }
    shared_.connections.remove(number);
  }

 private:
  /// False when the connection has to end.
  bool serveOne(HttpSession& session) {
    auto response = std::make_unique<net::HTTPServerResponseImpl>(session);
    std::unique_ptr<net::HTTPServerRequestImpl> request;
    try {
      request = std::make_unique<net::HTTPServerRequestImpl>(*response, session, shared_.params);
    } catch (const net::NoMessageException&) {
      return false;
    } catch (const Poco::Exception&) {
      refuse(session);
      return false;
    }
    if (!shared_.connections.become(State::busy, session.socket().impl()->sockfd())) return false;
    session.beginBody(*request);
    prepare(*response, *request);
    chooseHandler(*request)->handleRequest(*request, *response);
    const bool keepAlive = response->sent() && response->getKeepAlive();
    response.reset();  // sends what is left of the answer, before we wait for what is left of the request
    if (request->getExpectContinue()) {  // RequestBody takes that away: nobody asked for the body
      session.setKeepAlive(false);
      closeGently(session);
    } else {
      session.setKeepAlive(skipBody(session) && keepAlive);
    }
    return session.getKeepAlive();
  }

  void prepare(net::HTTPServerResponseImpl& response, const net::HTTPServerRequestImpl& request) const {
    // A connection kept alive holds a thread.
    const bool crowded = shared_.connections.count() > shared_.options.maxThreads / 2;
    response.setDate(Poco::Timestamp());
    response.setVersion(request.getVersion());
    // A client that asks before it sends its body may send it all the same after a refusal: then nobody could
    // tell where the next request begins. RequestBody sets this again when it asks for the body.
    response.setKeepAlive(request.getKeepAlive() && shared_.options.keepAliveSeconds != 0 && !crowded &&
                          !request.getExpectContinue() && !shared_.connections.stopping());
  }

  std::unique_ptr<net::HTTPRequestHandler> chooseHandler(const HttpRequest& request) const {
    try {
      return shared_.router(request);
    } catch (...) {
      const auto failure = std::current_exception();
      return makeHandler([failure](HttpRequest&, HttpResponse&) { std::rethrow_exception(failure); });
    }
  }

  /// Reads what the handler left of the body, so that the next request is found behind it, and so that
  /// closing does not reset the connection while the answer is on its way. False when that is not worth the
  /// wait.
  static bool skipBody(HttpSession& session) {
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
  static void closeGently(net::HTTPServerSession& session) {
    const int socket = session.socket().impl()->sockfd();
    ::shutdown(socket, SHUT_WR);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    std::array<char, 16384> buffer{};
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 1000) <= 0 || ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) <= 0)
        return;
    }
  }

  static void refuse(net::HTTPServerSession& session) {
    net::HTTPServerResponseImpl response(session);
    response.setVersion(net::HTTPMessage::HTTP_1_1);
    response.setStatusAndReason(net::HTTPResponse::HTTP_BAD_REQUEST);
    response.setKeepAlive(false);
    response.setContentLength(0);
    response.send().flush();
  }

  Shared& shared_;
};

class ConnectionFactory : public net::TCPServerConnectionFactory {
 public:
  explicit ConnectionFactory(Shared& shared) : shared_(shared) {}
  net::TCPServerConnection* createConnection(const net::StreamSocket& socket) override {
    closeOnExec(socket);
    return new Connection(socket, shared_);
  }

 private:
  Shared& shared_;
};

net::HTTPServerParams::Ptr makeParams(const HttpServerOptions& options) {
  net::HTTPServerParams::Ptr params = new net::HTTPServerParams;
  params->setMaxThreads(static_cast<int>(options.maxThreads));
  params->setMaxQueued(static_cast<int>(options.maxQueued));
  params->setThreadIdleTime(
      toTimespan(std::chrono::milliseconds(200)));  // also how long stopping takes at least
  params->setTimeout(toTimespan(kIoTimeout));
  params->setKeepAlive(options.keepAliveSeconds != 0);
  params->setKeepAliveTimeout(toTimespan(std::chrono::seconds(options.keepAliveSeconds)));
  return params;
}

class PocoHttpServer : public HttpServer {
 public:
  PocoHttpServer(const net::ServerSocket& socket, std::string address, HttpRouter router,
                 HttpServerOptions options)
      : socket_(socket),
        address_(std::move(address)),
        shared_{.router = std::move(router), .options = options, .params = makeParams(options)},
        pool_(1, static_cast<int>(std::max(options.maxThreads, 1u))),
        server_(new ConnectionFactory(shared_), pool_, socket_, shared_.params) {
    server_.start();
    keeper_ = std::jthread([this](const std::stop_token& stop) { keepRoom(stop); });
  }

  ~PocoHttpServer() override { stopOnce(std::chrono::milliseconds(0)); }

  std::string address() const override { return address_; }

  void stop(std::chrono::milliseconds grace) override { stopOnce(grace); }

 private:
  void stopOnce(std::chrono::milliseconds grace) {
    const std::lock_guard lock(stopMutex_);
    if (stopped_) return;
    stopped_ = true;
    ::shutdown(socket_.impl()->sockfd(),
               SHUT_RDWR);  // wakes the acceptor, which else looks up four times a second only
    server_.stop();
    socket_.close();
    if (address_.starts_with('/')) ::unlink(address_.c_str());
    shared_.connections.stop(grace);
    pool_.joinAll();
  }

  void keepRoom(const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "http-keeper");
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      never.wait_for(lock, stop, kCrowdedWait, [] { return false; });
      if (server_.queuedConnections() > 0) shared_.connections.makeRoom();
    }
  }

  net::ServerSocket socket_;
  const std::string address_;
  Shared shared_;
  Poco::ThreadPool pool_;
  net::TCPServer server_;
  std::mutex stopMutex_;
  bool stopped_ = false;
  std::jthread keeper_;  // last: it uses what is above
};

/// A socket that listens already, as Poco wants it.
class BoundSocketImpl : public net::ServerSocketImpl {
 public:
  explicit BoundSocketImpl(int socket) { reset(socket); }
};

class BoundSocket : public net::ServerSocket {
 public:
  explicit BoundSocket(int socket) : ServerSocket(new BoundSocketImpl(socket), true) {}
};

[[noreturn]] void cannotListen(const std::string& address, const std::string& reason) {
  throw Error(Errc::unavailable, "cannot listen on " + printable(address) + ": " + reason);
}

constexpr int kBacklog = 128;

/// True when a server answers behind the socket file.
bool isServed(const net::SocketAddress& address) {
  try {
    net::StreamSocket probe;
    probe.connect(address, toTimespan(std::chrono::seconds(1)));
    return true;
  } catch (const Poco::Exception&) {
    return false;
  }
}

void removeStale(const std::string& file, const net::SocketAddress& address) {
  struct stat info {};
  if (::lstat(file.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) cannotListen(file, "a file that is no socket is there");
  if (isServed(address)) cannotListen(file, "another server uses it");
  if (::unlink(file.c_str()) != 0) throwErrno(errno, "removing a stale socket");
}

}  // namespace

std::unique_ptr<HttpServer> HttpServer::onTcp(TcpListener listener, HttpRouter router,
                                              HttpServerOptions options) {
  const BoundSocket socket(listener.fd.release());
  return std::make_unique<PocoHttpServer>(socket, std::move(listener.address), std::move(router), options);
}

std::unique_ptr<HttpServer> HttpServer::onUnix(const std::filesystem::path& socketFile, HttpRouter router,
                                               HttpServerOptions options) {
  const std::string file = std::filesystem::absolute(socketFile).string();
  constexpr std::size_t kMaxPathBytes = 107;  // sun_path with its NUL
  if (file.size() > kMaxPathBytes) cannotListen(file, "the path is longer than 107 bytes");
  try {
    const net::SocketAddress address(net::SocketAddress::UNIX_LOCAL, file);
    removeStale(file, address);
    net::ServerSocket socket;
    socket.bind(address, /*reuseAddress=*/false, /*reusePort=*/false);
    closeOnExec(socket);
    // Nobody can connect before listen(): the mode is right from the first moment, without touching the
    // process's umask.
    if (::chmod(file.c_str(), S_IRUSR | S_IWUSR) != 0) throwErrno(errno, "protecting a socket");
    socket.listen(kBacklog);
    return std::make_unique<PocoHttpServer>(socket, file, std::move(router), options);
  } catch (const Poco::Exception& exception) {
    cannotListen(file, exception.displayText());
  }
}

}  // namespace base
