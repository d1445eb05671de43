// What operators allow an app beside builds (AppLimits): plain values, from the settings of the same names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace controller {

struct ServiceLimits {
  std::uint64_t configMaxBytes = 64u << 10;  ///< config_max_bytes: of all names and values of a release
  std::uint64_t domainsMax = 100;            ///< domains_max: of one app
  std::uint64_t drainsMax = 10;              ///< drains_max: of one app
  std::uint64_t runMaxSessions = 20;         ///< run_max_sessions: one-off processes at the same time
  std::uint64_t runTimeoutS = 24 * 3600;     ///< run_timeout_s: of a one-off process, unless it asks for less
  std::uint64_t runMemoryMaxBytes = 4ull << 30;           ///< run_memory_max_bytes: what it may ask for
  std::uint64_t runCpusMax = 0;                           ///< run_cpus_max: what it may ask for; 0: any
  std::vector<std::filesystem::path> volumeFolders = {};  ///< volume_folders: canonical
};

}  // namespace controller
