#include <cstddef>
#include <cstdint>

#include "tests/fuzz/git_reading_inputs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::uploadPack({reinterpret_cast<const char*>(data), size});
  return 0;
}
