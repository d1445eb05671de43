// How the process's heap behaves.
#pragma once

namespace base {

/// For a daemon of many threads, most of which wait: buffers of 128 KiB and more go back to the system when
/// they are freed, and there are no more heaps than processors (at least two), so that what one connection
/// freed the next one uses. By itself glibc keeps both with each thread: half a megabyte for a pusher that
/// waits, where 140 kB are needed. Once, before other threads exist.
void keepHeapSmall();

}  // namespace base
