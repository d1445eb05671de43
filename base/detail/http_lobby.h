// HTTP connections that nothing is to be done for: one thread waits for all of them.
#pragma once

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace base::detail {

/// A request's line and headers may have so many bytes.
constexpr std::size_t kMaxHeadBytes = 32u << 10;

/// What can be said of a request by its first bytes.
enum class HeadState {
  incomplete,
  complete,  ///< all of its head is there, or it is none: nothing is left to wait for
  tooLong
};
/// (RFC 9112, section 2.1.)
HeadState judgeHead(std::string_view begin) noexcept;

struct HttpLobbyOptions {
  std::size_t maxWaiting = 0;  ///< then whose time would be over first goes at once
  std::chrono::milliseconds firstRequest{};
  std::chrono::milliseconds wholeHead{};  ///< from its first byte on
};

/// Accepts connections, and keeps those that have not sent the whole head of a request: what they sent stays
/// in the kernel, so that one costs a descriptor and some hundred bytes. Whose time is over is closed without
/// a word. When the process has no descriptors left, a waiting connection makes room for a new one.
/// Thread-safe.
class HttpLobby {
 public:
  /// Called on the lobby's thread: it must not wait.
  using Ready = std::function<void(const Poco::Net::StreamSocket& connection, HeadState head)>;

  /// Begins to accept. The listener outlives the lobby and is not used by others.
  HttpLobby(const Poco::Net::ServerSocket& listener, const HttpLobbyOptions& options, Ready ready);
  ~HttpLobby();

  /// Waits for the connection's next request for so long; closes it when the lobby has stopped, or it cannot
  /// be watched.
  void wait(const Poco::Net::StreamSocket& connection, std::chrono::milliseconds patience);
  /// Accepts no more, and closes all that wait.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Poco::Net::StreamSocket socket;
    Clock::time_point deadline;
    bool hasBegun = false;
  };
  using Gone = std::vector<Poco::Net::StreamSocket>;  // closed by who drops the last of it, outside the lock

  void run();
  void acceptAll();
  bool acceptOne();
  void look(int number, unsigned events);
  bool dropFirst(Gone& gone);
  Poco::Net::StreamSocket take(int number);
  void setDeadline(int number, Waiting& entry, Clock::time_point deadline);
  void dropLate();
  /// For epoll_wait; nullopt when there is nothing to wait for any more.
  std::optional<int> untilNextDeadline();

  const int listener_;
  const HttpLobbyOptions options_;
  const Ready ready_;
  const Fd poll_;
  const Fd wake_;
  std::string head_;  // the thread's
  std::mutex mutex_;
  std::map<int, Waiting> waiting_;
  std::set<std::pair<Clock::time_point, int>> deadlines_;
  Clock::time_point nextLook_ = Clock::time_point::max();
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace base::detail
