// A data folder out of a backup.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace controller {

struct Restored {
  std::size_t apps = 0;
  std::size_t releases = 0;
  std::size_t blobs = 0;
  std::vector<std::string> damaged;  ///< digests of blobs that were wrong already when they were backed up
  std::vector<std::string>
      missing;  ///< digests that something needs and that were not there then, or are damaged
};

struct RestoreRequest {
  std::filesystem::path archive;  ///< a regular file
  std::filesystem::path folder;   ///< made when it is missing
  const base::Clock& clock;
  /// What is being done, without a line's end, and how many bytes it goes through.
  std::function<void(std::string_view doing, std::uint64_t totalBytes)> tell;
  /// More of them are done.
  std::function<void(std::uint64_t bytes)> passed;
};

/// Where a restore works in the new folder until it is done: serve refuses a folder that has it.
inline constexpr std::string_view kRestoring = ".restoring";

/// Checks the whole archive before anything is written, unpacks it aside, checks every blob's digest, the
/// database, that it can be read with the keys, and that all is there that the repositories' refs and the
/// deployed commits lead to; then moves it into place, the database last. After a failure the folder is as
/// empty as it was. Throws conflict for a folder that is not empty, corrupt for an archive that is not whole
/// or not right, invalidArgument for one that holds something else, diskFull, io.
Restored restoreBackup(const RestoreRequest& request);

}  // namespace controller
