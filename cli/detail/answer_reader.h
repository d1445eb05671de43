// What a command's answer says, line by line.
#pragma once

#include <sys/types.h>

#include <functional>
#include <istream>
#include <string>

#include "cli/detail/surroundings.h"

namespace cli::detail {

/// What the server wants fetched.
struct SavedFile {
  std::string path;     ///< at the server
  std::string file;     ///< of that name here, or "-" for stdout
  bool secret = false;  ///< nobody else may read it
};
using Save = std::function<void(const SavedFile& saved)>;

/// What an answer asks for beside output.
struct AnswerHooks {
  Save save;
  /// The command takes input, at this path of the server.
  std::function<void(const std::string& path)> input;
  /// It wants keys as they are.
  std::function<void()> raw;
  /// The command has told the server, which is this process of this machine, to end.
  std::function<void(pid_t server)> ending;
};

/// Reads newline-delimited JSON objects ({"out"}, {"err"}, {"bytes"} in Base64, {"save":{"path","file",
/// "secret"}}, {"input"}, {"raw"}, {"ending"}, {"exit"}; other members are left for later versions) and does
/// what they say as they come. Returns the exit status. Throws unavailable when the lines end without one,
/// corrupt for a line that is no JSON or over 8 MiB.
int followAnswer(std::istream& lines, const Surroundings& surroundings, const AnswerHooks& hooks);

/// The sentence in an error answer's body (of which at most 64 KiB are read), or `otherwise` when it has
/// none.
std::string errorMessage(std::istream& body, const std::string& otherwise);

}  // namespace cli::detail
