// How gitd's threads begin.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace gitd::detail {

/// Keeps SIGPIPE from the calling thread: libssh writes to sockets without MSG_NOSIGNAL, and a reader that
/// hangs up must not end the program.
inline void blockPipeSignals() {
  sigset_t pipes;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipes, nullptr);
}

/// Names the calling thread, as it shows in top and in a debugger (at most 15 characters).
inline void beginThread(const char* name) {
  pthread_setname_np(pthread_self(), name);
  blockPipeSignals();
}

}  // namespace gitd::detail
