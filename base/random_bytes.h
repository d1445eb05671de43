// Bytes that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace base {

/// From the kernel's generator; throws io. Thread-safe.
std::string randomBytes(std::size_t count);

}  // namespace base
