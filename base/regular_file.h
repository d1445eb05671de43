// Files that somebody else has opened.
#pragma once

#include <cstddef>
#include <string>

#include "base/fd.h"

namespace base {

/// From where the descriptor stands to the end. Throws invalidArgument, with `name`, when that is longer than
/// maxBytes.
std::string readRest(const Fd& file, const std::string& name, std::size_t maxBytes);

/// The same of a regular file only; anything else is invalidArgument.
std::string readRegular(const Fd& file, const std::string& name, std::size_t maxBytes);

}  // namespace base
