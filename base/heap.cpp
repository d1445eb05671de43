#include "base/heap.h"

#include <malloc.h>

#include <algorithm>
#include <thread>

namespace base {

void keepHeapSmall() {
  constexpr int kLarge = 128 << 10;
  // Set by hand they no longer grow with what is freed.
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  ::mallopt(M_TRIM_THRESHOLD, kLarge);
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, std::thread::hardware_concurrency())));
}

}  // namespace base
