// HttpServer of base/http.h. Poco reads requests and writes answers; which connection has a thread is our own
// affair: Poco's server gives one to each, idle or not.
#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/detail/http_connection.h"
#include "base/detail/http_lobby.h"
#include "base/http.h"
#include "base/http_session.h"
#include "base/strings.h"

namespace base {
namespace {

namespace net = Poco::Net;

constexpr auto kIoTimeout = std::chrono::seconds(30);
// How long a thread without other work waits for the next request of the connection that it has just served.
constexpr auto kLinger = std::chrono::milliseconds(100);
constexpr auto kIdleThread = std::chrono::milliseconds(500);

Poco::Timespan toTimespan(std::chrono::microseconds time) {
  return Poco::Timespan(time.count());
}

void closeOnExec(const net::Socket& socket) {
  ::fcntl(socket.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
}

net::HTTPServerParams::Ptr makeParams(const HttpServerOptions& options) {
  net::HTTPServerParams::Ptr params = new net::HTTPServerParams;
  params->setTimeout(toTimespan(kIoTimeout));
  params->setKeepAlive(options.keepAliveSeconds != 0);
  params->setKeepAliveTimeout(toTimespan(std::chrono::seconds(options.keepAliveSeconds)));
  return params;
}

/// The threads that serve requests, each for as long as one is under way. They are made when they are needed,
/// and end when they are not. Thread-safe.
class HttpThreads {
 public:
  struct Job {
    net::StreamSocket connection;
    detail::HeadState head = detail::HeadState::complete;
  };

  /// `serve` gets a connection that has a request.
  HttpThreads(const HttpServerOptions& options, std::function<void(Job&)> serve)
      : maxThreads_(std::max(options.maxThreads, 1u)),
        maxQueued_(options.maxQueued),
        serve_(std::move(serve)) {}
  ~HttpThreads() { stop(std::chrono::milliseconds(0)); }
  HttpThreads(const HttpThreads&) = delete;
  HttpThreads& operator=(const HttpThreads&) = delete;

  /// False when too many wait already, or all is being stopped.
  bool give(const net::StreamSocket& connection, detail::HeadState head) {
    const std::lock_guard lock(mutex_);
    if (stopped_ || queue_.size() >= maxQueued_) return false;
    joinEnded();
    if (queue_.size() >= idle_ && threads_.size() < maxThreads_ && !addThread() && threads_.empty())
      return false;
    queue_.push_back({connection, head});
    changed_.notify_one();
    return true;
  }

  /// Waits for the next request on the thread that has served the one before, if threads are left for others.
  bool linger(HttpSession& session) {
    const int number = session.socket().impl()->sockfd();
    std::chrono::milliseconds patience{0};
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      if (queue_.empty() && lingering_.size() < maxThreads_ / 2) patience = kLinger;
      lingering_.insert(number);
    }
    const bool more = session.awaitRequest(patience);
    const std::lock_guard lock(mutex_);
    lingering_.erase(number);
    return more && !stopping_;
  }

  /// What is queued and under way has so long to end; then its connections are cut.
  void stop(std::chrono::milliseconds grace) {
    {
      std::unique_lock lock(mutex_);
      stopping_ = true;
      for (const int number : lingering_)
        ::shutdown(number, SHUT_RDWR);
      changed_.notify_all();
      changed_.wait_for(lock, grace, [&] { return queue_.empty() && serving_.empty(); });
      stopped_ = true;
      queue_.clear();
      for (const int number : serving_)
        ::shutdown(number, SHUT_RDWR);
      changed_.wait(lock, [&] { return threads_.empty(); });
      joinEnded();
    }
  }

 private:
  /// False when the system has no thread to give.
  bool addThread() {
    try {
      std::thread thread([this] { run(); });
      threads_.emplace(thread.get_id(), std::move(thread));
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

  /// What they do after they have put themselves there takes no time.
  void joinEnded() {
    for (std::thread& thread : ended_)
      thread.join();
    ended_.clear();
  }

  void run() {
    ::pthread_setname_np(::pthread_self(), "http");
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      changed_.wait_for(lock, kIdleThread, [&] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) {
        const auto own = threads_.find(std::this_thread::get_id());
        ended_.push_back(std::move(own->second));
        threads_.erase(own);
        if (stopping_) changed_.notify_all();
        return;
      }
      Job job = std::move(queue_.front());
      queue_.pop_front();
      const int number = job.connection.impl()->sockfd();
      serving_.insert(number);
      lock.unlock();
      serve_(job);
      lock.lock();
      serving_.erase(serving_.find(number));
      if (stopping_) changed_.notify_all();
      job = {};  // closed, or in the lobby again, after nobody here names its number any more
    }
  }

  const unsigned maxThreads_;
  const std::size_t maxQueued_;
  const std::function<void(Job&)> serve_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::multiset<int> serving_;  // one that waits in the lobby again may be given to another thread at once
  std::set<int> lingering_;
  std::size_t idle_ = 0;
  std::map<std::thread::id, std::thread> threads_;
  std::vector<std::thread> ended_;
  bool stopping_ = false;
  bool stopped_ = false;
};

class ThreadedHttpServer : public HttpServer {
 public:
  ThreadedHttpServer(const net::ServerSocket& socket, std::string address, HttpRouter router,
                     const HttpServerOptions& options)
      : socket_(socket),
        address_(std::move(address)),
        keepAlive_(std::chrono::seconds(options.keepAliveSeconds)),
        parts_{.router = std::move(router),
               .params = makeParams(options),
               .keepsAlive = options.keepAliveSeconds != 0,
               .sendTimeout = kIoTimeout},
        threads_(options, [this](HttpThreads::Job& job) { serve(job); }),
        lobby_(socket_,
               {.maxWaiting = options.maxWaiting, .firstRequest = kIoTimeout, .wholeHead = kIoTimeout},
               [this](const net::StreamSocket& connection, detail::HeadState head) {
                 if (!threads_.give(connection, head)) turnAway(connection);
               }) {}

  ~ThreadedHttpServer() override { stopOnce(std::chrono::milliseconds(0)); }

  std::string address() const override { return address_; }

  void stop(std::chrono::milliseconds grace) override { stopOnce(grace); }

 private:
  void stopOnce(std::chrono::milliseconds grace) {
    const std::lock_guard lock(stopMutex_);
    if (stopped_) return;
    stopped_ = true;
    parts_.stopping = true;
    lobby_.stop();
    socket_.close();
    if (address_.starts_with('/')) ::unlink(address_.c_str());
    threads_.stop(grace);
  }

  void serve(HttpThreads::Job& job) {
    if (job.head == detail::HeadState::tooLong) {
      constexpr int kTooLarge = 431;
      return detail::refuseConnection(job.connection, detail::Farewell::patient,
                                      {kTooLarge, "bad_request",
                                       "the request's line and headers are longer than " +
                                           std::to_string(detail::kMaxHeadBytes) + " bytes"});
    }
    const auto next = [this](HttpSession& session) { return threads_.linger(session); };
    if (detail::serveRequests(job.connection, parts_, next)) lobby_.wait(job.connection, keepAlive_);
  }

  /// On the lobby's thread, which waits for nobody.
  static void turnAway(const net::StreamSocket& connection) {
    constexpr int kUnavailable = 503;
    detail::refuseConnection(connection, detail::Farewell::quick,
                             {kUnavailable, "unavailable", "the server is busy: try again in a moment"});
  }

  net::ServerSocket socket_;
  const std::string address_;
  const std::chrono::milliseconds keepAlive_;
  detail::HttpConnectionParts parts_;
  HttpThreads threads_;
  detail::HttpLobby lobby_;  // after threads_, to which it gives
  std::mutex stopMutex_;
  bool stopped_ = false;
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
  return std::make_unique<ThreadedHttpServer>(socket, std::move(listener.address), std::move(router),
                                              options);
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
    return std::make_unique<ThreadedHttpServer>(socket, file, std::move(router), options);
  } catch (const Poco::Exception& exception) {
    cannotListen(file, exception.displayText());
  }
}

}  // namespace base
