// Threads that nobody waits for.
#pragma once

namespace controller {

/// From now on the calling thread gets the processor after all others and the disk when it is idle, so that
/// no push or pull waits for it. Never fails: where the kernel refuses, the thread goes on as it was.
void beLastInLine() noexcept;

}  // namespace controller
