// A terminal whose program runs in a container.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/fd.h"
#include "base/interaction.h"

namespace runner::detail {

/// Both ends of a pty of this machine. Thread-safe for one reader, one writer and one who resizes.
class PseudoTerminal {
 public:
  /// Only its owner may open its path: this process's user, until somebody gives it away.
  explicit PseudoTerminal(base::TerminalSize size);
  void resize(base::TerminalSize size) noexcept;
  /// What the program writes comes out here, and what is written here are its keys. Does not block.
  const base::Fd& keyboardAndScreen() const noexcept { return master_; }
  /// The program's end, open.
  const base::Fd& terminal() const noexcept { return slave_; }
  /// The same, for the program to open.
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  base::Fd master_;
  base::Fd slave_;  // held open: without a program the master would answer with errors
  std::filesystem::path path_;
};

}  // namespace runner::detail
