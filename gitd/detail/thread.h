// How gitd's threads begin.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace gitd::detail {

/// Names the calling thread, as it shows in top and in a debugger (at most 15 characters), and keeps SIGPIPE
/// from it: libssh writes to sockets without MSG_NOSIGNAL, and a client that hangs up must not end the
/// daemon.
inline void beginThread(const char* name) {
  pthread_setname_np(pthread_self(), name);
  sigset_t pipes;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipes, nullptr);
}

}  // namespace gitd::detail
