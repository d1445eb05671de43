// What a command's answer says, line by line.
#pragma once

#include <functional>
#include <istream>
#include <string>

#include "cli/detail/surroundings.h"

namespace cli::detail {

/// Fetches the server's `path` into the file of that name, or to stdout for "-".
using Save = std::function<void(const std::string& path, const std::string& file)>;

/// Reads newline-delimited JSON objects ({"out"}, {"err"}, {"save":{"path","file"}}, {"exit"}; other members
/// are left for later versions) and does what they say as they come. Returns the exit status. Throws
/// unavailable when the lines end without one, corrupt for a line that is no JSON or over 8 MiB.
int followAnswer(std::istream& lines, const Surroundings& surroundings, const Save& save);

/// The sentence in an error answer's body (of which at most 64 KiB are read), or `otherwise` when it has
/// none.
std::string errorMessage(std::istream& body, const std::string& otherwise);

}  // namespace cli::detail
