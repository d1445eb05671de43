// What an operator says about cron: plain values, from the settings of the same names.
#pragma once

#include <cstdint>

#include "store/cron_entry.h"

namespace controller {

struct CronConfig {
  store::CronLimits limits;
  std::uint64_t historyMax = 100;  ///< cron_history_max: runs of an app that are remembered
  std::uint64_t maxRunning = 4;    ///< cron_max_running: on the server at the same time
};

}  // namespace controller
