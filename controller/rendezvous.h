// Where clients of the Platform API attach to one-off processes: by a TLS connection of their own.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/digest.h"
#include "base/interaction.h"
#include "base/tcp_listener.h"

namespace controller {

struct RendezvousConfig {
  std::filesystem::path certificate;  ///< PEM, with the intermediate ones
  std::filesystem::path key;
  /// What such a file has in it: asked for each connection, on its thread, so that files that are renewed
  /// count from the next one on.
  std::function<std::string(const std::filesystem::path&)> read;
  std::size_t maxWaiting = 64;              ///< setting rendezvous_max_waiting
  std::chrono::seconds secretLifetime{60};  ///< setting rendezvous_secret_s
  std::chrono::seconds greeting{10};  ///< setting rendezvous_greeting_s: for handshake and secret together
};

/// Somebody who may attach, once.
struct Guest {
  std::optional<base::TerminalSize> terminal;
  std::string terminalType;
  /// On a thread of its own; blocks until it is over. A stop: the client has left. What it throws the client
  /// is told.
  std::function<void(base::Interaction& client, const std::stop_token& stop)> session;
};

/// A client connects, says the secret that it was told and a line's end, hears "rendezvous" and a line's end,
/// and then its bytes are the program's input and the program's output is its bytes. Without a terminal a
/// Ctrl-D (0x04) ends the input: these clients have no other way to say so. Who is silent, slow, says
/// something else or comes a second time is cut off without a word. Beyond maxWaiting connections that have
/// not said their secret the one that waits longest is cut off, so that nobody keeps others out.
///
/// Threads: one that accepts, one for each connection, one more while its session runs. Thread-safe.
class Rendezvous {
 public:
  /// Throws invalidArgument for a certificate or a key that cannot be used.
  Rendezvous(RendezvousConfig config, base::TcpListener listener, const base::Clock& clock);
  /// Stops.
  ~Rendezvous();
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  /// "HOST:PORT" as bound.
  const std::string& address() const noexcept { return listener_.address; }
  /// The secret for one connection: 128 bits in hex digits, good for secretLifetime. Throws overloaded,
  /// naming rendezvous_max_waiting, when so many have not come yet.
  std::string invite(Guest guest);
  /// Ends every session and connection, and waits until they are gone; none begins any more.
  void stop();

 private:
  struct Invitation {
    Guest guest;
    base::Time until;
  };
  struct Connection;

  void accept();
  void admit(base::Fd socket);
  void serve(Connection& connection);
  std::optional<Guest> take(const std::string& secret);
  void dropEnded();

  const RendezvousConfig config_;
  const base::TcpListener listener_;
  const base::Clock& clock_;
  std::mutex mutex_;
  // By the secret's digest: how long a look-up takes tells nothing of a secret. Guarded by mutex_.
  std::map<base::Digest, Invitation> invited_;
  bool stopped_ = false;               // guarded by mutex_
  std::list<Connection> connections_;  // of the accepting thread, oldest first; after it of stop()
  base::Fd ended_;
  std::thread acceptor_;
};

}  // namespace controller
