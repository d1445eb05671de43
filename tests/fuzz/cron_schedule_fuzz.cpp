#include <cstddef>
#include <cstdint>

#include "tests/fuzz/store_inputs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::cronSchedule({reinterpret_cast<const char*>(data), size});
  return 0;
}
