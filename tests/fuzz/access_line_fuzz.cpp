#include <cstddef>
#include <cstdint>

#include "tests/fuzz/runner_inputs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accessLine({reinterpret_cast<const char*>(data), size});
  return 0;
}
