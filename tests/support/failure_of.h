// The Error that something throws.
#pragma once

#include "base/error.h"

namespace testing_support {

/// internal, "did not fail", when it throws none.
template <typename Body>
base::Error failureOf(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    return error;
  }
  return {base::Errc::internal, "did not fail"};
}

}  // namespace testing_support
