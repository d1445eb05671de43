#include "git/detail/id_table.h"

#include <random>

namespace git::detail {

std::uint64_t randomTableKey() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace git::detail
