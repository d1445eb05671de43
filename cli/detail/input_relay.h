// Keys and pipes on their way to a command that runs at the server.
#pragma once

#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/interaction.h"
#include "cli/detail/server_address.h"
#include "cli/detail/surroundings.h"

namespace cli::detail {

/// The size of the terminal that is the input; nullopt when there is none, or the output is none.
std::optional<base::TerminalSize> terminalOf(const Surroundings& surroundings);

/// Puts the terminal into raw mode for its life: Ctrl-C is a key then.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;  // null: it is no terminal
};

/// From construction on a thread sends what the input says, and the terminal's new sizes, until the input
/// ends, the server wants no more, or this goes. What the server says of it is not shown: the command's own
/// answer tells how it ended.
class InputRelay {
 public:
  InputRelay(const ServerAddress& server, const std::string& path, const Surroundings& surroundings);
  ~InputRelay();
  InputRelay(const InputRelay&) = delete;
  InputRelay& operator=(const InputRelay&) = delete;

 private:
  void send(base::ByteSink& out);

  const int input_;
  base::Fd ended_;
  base::Fd resized_;  // a signalfd
  std::thread thread_;
};

}  // namespace cli::detail
