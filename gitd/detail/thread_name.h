// Names for threads, as they show in top and in a debugger.
#pragma once

#include <pthread.h>

namespace gitd::detail {

/// Of the calling thread; at most 15 characters.
inline void nameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace gitd::detail
