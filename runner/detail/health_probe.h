// One question to a process.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "store/process_check.h"

namespace runner::detail {

struct ProbeAnswer {
  enum class State { well, unwell, notListening };
  State state = State::well;
  std::string problem;  ///< "answered 500", "did not answer within 5 s"; empty when well
};

/// GET over HTTP/1.1 to "HOST:PORT", whatever proxy the environment names; follows no redirect. Reads at most
/// 64 KiB, and never longer than the check's timeout, however slowly it comes. Blocks; a stop ends it soon,
/// with whatever answer.
ProbeAnswer probeHttp(const store::ProcessCheck& check, const std::string& address,
                      const std::stop_token& stop = {});

}  // namespace runner::detail
