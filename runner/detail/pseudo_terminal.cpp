#include "runner/detail/pseudo_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/error.h"

namespace runner::detail {

PseudoTerminal::PseudoTerminal(base::TerminalSize size)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
  std::array<char, 64> name{};
  if (!master_.valid() || ::unlockpt(master_.get()) != 0 ||
      ::ptsname_r(master_.get(), name.data(), name.size()) != 0)
    base::throwErrno(errno, "making a terminal");
  path_ = name.data();
  slave_ = base::openFile(path_, O_RDWR | O_NOCTTY);
  if (::fchmod(slave_.get(), 0600) != 0) base::throwErrno(errno, "making a terminal");
  resize(size);
}

void PseudoTerminal::resize(base::TerminalSize size) noexcept {
  constexpr unsigned kLargest = 10'000;
  winsize wanted{};
  wanted.ws_col = static_cast<unsigned short>(std::min(size.columns, kLargest));
  wanted.ws_row = static_cast<unsigned short>(std::min(size.rows, kLargest));
  ::ioctl(master_.get(), TIOCSWINSZ, &wanted);
}

}  // namespace runner::detail
