// What the client takes from the process it runs in.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/clock.h"

namespace cli::detail {

/// Handed to everything below run(), so that a test can put others in place. The sinks outlive it; both throw
/// Error.
struct Surroundings {
  std::map<std::string, std::string> environment;
  std::filesystem::path currentFolder;
  bool isRoot = false;
  bool terminal = false;               ///< stdout is one
  bool errTerminal = false;            ///< stderr is one
  const base::Clock* clock = nullptr;  ///< outlives it; null: no progress is shown
  int inputFd = -1;                    ///< what a command that talks reads keys from; -1: nothing
  std::function<std::string(std::size_t maxBytes)>
      readInput;  ///< all of stdin; throws invalidArgument when longer
  /// One line of stdin; from a terminal without showing it, after `prompt` on stderr.
  std::function<std::string(const std::string& prompt)> readSecret;
  base::ByteSink* out = nullptr;
  base::ByteSink* err = nullptr;

  /// An environment variable's value, or "" when it is unset.
  std::string variable(const std::string& name) const {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  }
  std::filesystem::path home() const { return variable("HOME"); }
  /// Where progress is shown; null unless people look at both streams.
  base::ByteSink* progressTerminal() const {
    return terminal && errTerminal && clock != nullptr ? err : nullptr;
  }
};

/// run() in given surroundings. Lets Error through.
int runIn(const Surroundings& surroundings, const std::vector<std::string>& args);

}  // namespace cli::detail
