// What is remembered of a detached one-off process, so that the next daemon has it.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/model.h"

namespace runner::detail {

/// One file per process, NAME.json in a folder. Config values are not in it.
struct DetachedFile {
  store::AppName app;
  std::string type;
  int index = 0;
  store::ReleaseVersion release;
  std::string command;    ///< as people see it
  std::string container;  ///< its name, and the file's
  base::Time startedAt;
  std::chrono::seconds timeout{0};
  std::string bootId;  ///< of the machine's run that it began in

  /// Durable when it returns.
  void save(const std::filesystem::path& folder) const;
  void remove(const std::filesystem::path& folder) const;
  /// Damaged ones are removed, and noted in the server's log.
  static std::vector<DetachedFile> load(const std::filesystem::path& folder);
};

/// Of this run of the machine.
std::string thisBootId();

}  // namespace runner::detail
