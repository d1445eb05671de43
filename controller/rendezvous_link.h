// One client's TLS connection, as a running program's terminal or streams.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/fd.h"
#include "base/interaction.h"

namespace controller {

/// The server's side of a connection that is never waited for but by poll(). One thread, but for what is said
/// otherwise. Throws Poco::Exception when the connection breaks.
class RendezvousLink {
 public:
  /// `ended` outlives it: an eventfd that ends every wait.
  RendezvousLink(base::Fd socket, const Poco::Net::Context::Ptr& context, const base::Fd& ended);

  /// The first line, without its end; nullopt for one that did not come in time, or is longer than 128 bytes.
  std::optional<std::string> firstLine(std::chrono::milliseconds within);
  /// False when it could not be sent in time.
  bool say(std::string_view bytes, std::chrono::milliseconds within);

  struct Talk {
    std::optional<base::TerminalSize> terminal;
    std::string terminalType;
    /// Runs on a thread of its own. A stop: the client has left, or this was ended.
    std::function<void(base::Interaction& client, const std::stop_token& stop)> session;
  };
  /// Carries bytes both ways until the session is over and all that it wrote has been sent.
  void carry(const Talk& talk);
  /// Says that nothing more comes, and waits until the client has read it all, so that what is still on its
  /// way is not lost.
  void close(std::chrono::milliseconds within);

 private:
  enum class Io { some, wouldRead, wouldWrite, end };
  Io receive(std::string& into, std::size_t atMost);
  Io send(std::string& bytes);
  /// False when it was ended, the time is over, or nothing was waited for and the client has left.
  bool await(short events, std::optional<std::chrono::steady_clock::time_point> until,
             const base::Fd* wake = nullptr);

  Poco::Net::SecureStreamSocket socket_;
  const base::Fd& ended_;
  std::string early_;  // came behind the first line
};

}  // namespace controller
