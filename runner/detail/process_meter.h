// What the processes use, and the limits that no kernel enforces.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <thread>

#include "base/log.h"
#include "runner/detail/engine_parts.h"

namespace runner::detail {

/// One thread ("meter"): reads now and then what each process uses, into the table; tells the app's log of a
/// process that its limits refused something; and kills one that has written more than its diskBytes. Needs
/// no quotas: several times a second it asks the file system how much is free, and measures what processes
/// wrote when what went could be too much for one of them, else now and then. So that limit is exceeded by
/// what can be written meanwhile.
class ProcessMeter {
 public:
  /// `parts` outlives it.
  explicit ProcessMeter(EngineParts& parts);

 private:
  void run(const std::stop_token& stop);
  void sample(const Process& process);
  void tellRefusals(const Process& process, const sandbox::ContainerUsage& now);
  bool diskIsDue();
  void measureDisks(const std::stop_token& stop);
  void measureDisk(const Process& process);

  EngineParts& parts_;
  const base::Log log_{"runner"};
  // Of the thread alone.
  SteadyTime sampleDue_{};
  SteadyTime diskDue_{};
  std::uint64_t freeThen_ = 0;
  std::uint64_t headroom_ = 0;  // the least that a process had left when its disk was measured last
  std::jthread thread_;         // last: it uses what is above
};

}  // namespace runner::detail
