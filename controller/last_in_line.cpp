#include "controller/last_in_line.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace controller {

void beLastInLine() noexcept {
  constexpr int kLowest = 19;
  constexpr int kIoprioWhoProcess = 1;
  constexpr int kIdleClass = 3 << 13;
  const auto self = static_cast<id_t>(::gettid());
  ::setpriority(PRIO_PROCESS, self, kLowest);
  ::syscall(SYS_ioprio_set, kIoprioWhoProcess, self, kIdleClass);
}

}  // namespace controller
