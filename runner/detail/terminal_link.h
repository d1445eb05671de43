// A client's keys and screen on one side, a program in a container on the other.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/interaction.h"
#include "runner/detail/pseudo_terminal.h"
#include "sandbox/foreign_trees.h"

namespace runner::detail {

/// Carries bytes both ways on two threads while it lives. The client's end asks the program to stop.
class TerminalLink {
 public:
  /// All outlive it. `owner`: the program's user.
  TerminalLink(base::Interaction& client, sandbox::ForeignTrees& trees, sandbox::TreeOwner owner,
               std::stop_source& stop);
  /// What the program has written is out by then.
  ~TerminalLink();
  TerminalLink(const TerminalLink&) = delete;
  TerminalLink& operator=(const TerminalLink&) = delete;
  const std::filesystem::path& path() const noexcept { return terminal_.path(); }
  /// The program's end.
  const base::Fd& terminal() const noexcept { return terminal_.terminal(); }

 private:
  void passScreen();
  void passKeys();

  base::Interaction& client_;
  std::stop_source& stop_;
  PseudoTerminal terminal_;
  base::Fd ended_;
  std::jthread screen_;
  std::jthread keys_;
};

/// A client's standard input as a file that the program opens once: a named pipe, open to all who reach the
/// folder.
class InputPipe {
 public:
  InputPipe(base::Interaction& client, std::filesystem::path path);
  ~InputPipe();
  InputPipe(const InputPipe&) = delete;
  InputPipe& operator=(const InputPipe&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  void pass();

  base::Interaction& client_;
  const std::filesystem::path path_;
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

}  // namespace runner::detail
