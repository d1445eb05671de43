#include "base/c_callback.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace base {
namespace {

TEST(Shielded, GivesTheResult) {
  std::exception_ptr parked;
  EXPECT_EQ(shielded(parked, -1, [] { return 5; }), 5);
  rethrowParked(parked);
}

TEST(Shielded, ParksAnExceptionToBeRethrownOnce) {
  std::exception_ptr parked;
  EXPECT_EQ(shielded(parked, -1, []() -> int { throw std::runtime_error("x"); }), -1);
  EXPECT_THROW(rethrowParked(parked), std::runtime_error);
  rethrowParked(parked);
}

}  // namespace
}  // namespace base
