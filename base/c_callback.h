// Keeps exceptions out of C frames.
#pragma once

#include <exception>
#include <utility>

namespace base {

/// Runs body() inside a C callback. An exception is parked for the C++ caller to rethrow once, and the C
/// library is told `onThrow`.
template <typename Result, typename Body>
Result shielded(std::exception_ptr& parked, Result onThrow, Body body) noexcept {
  try {
    return body();
  } catch (...) {
    parked = std::current_exception();
    return onThrow;
  }
}

/// Rethrows what shielded() parked, if anything.
inline void rethrowParked(std::exception_ptr& parked) {
  if (parked) std::rethrow_exception(std::exchange(parked, nullptr));
}

}  // namespace base
