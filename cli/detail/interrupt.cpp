#include "cli/detail/interrupt.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace cli::detail {
namespace {

constexpr int kInterruptedStatus = 130;

// A signal handler reaches nothing else.
std::atomic<int> watchedSocket{-1};
std::atomic<bool> interrupted{false};
struct sigaction formerAction;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void onInterrupt(int) {
  const int socket = watchedSocket.load();
  if (interrupted.exchange(true) || socket < 0) ::_exit(kInterruptedStatus);
  ::shutdown(socket, SHUT_RDWR);
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = false;
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &formerAction);
}

Interrupt::~Interrupt() {
  ::sigaction(SIGINT, &formerAction, nullptr);
}

bool Interrupt::requested() noexcept {
  return interrupted.load();
}

Watched::Watched(const Poco::Net::Socket& socket)
    : before_(watchedSocket.exchange(socket.impl()->sockfd())) {}

Watched::~Watched() {
  watchedSocket = before_;
}

}  // namespace cli::detail
