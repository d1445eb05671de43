// What the fuzzers and the replay of their corpora both call.
#pragma once

#include <string_view>

#include "base/env_file.h"
#include "base/error.h"

namespace fuzz {

/// What was read is written, and read again the same.
inline void envFile(std::string_view input) {
  try {
    const auto variables = base::parseEnvFile(input);
    CHECK(base::parseEnvFile(base::formatEnvFile(variables)) == variables);
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
  }
}

}  // namespace fuzz
