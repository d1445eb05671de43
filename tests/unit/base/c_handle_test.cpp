#include "base/c_handle.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace base {
namespace {

struct Thing {
  int value;
};
int freed = 0;

void freeThing(Thing* thing) {
  ++freed;
  delete thing;
}

using Handle = CHandle<Thing, &freeThing>;

TEST(CHandle, FreesOnce) {
  freed = 0;
  {
    Handle first(new Thing{1});
    const Handle second = std::move(first);
  }
  EXPECT_EQ(freed, 1);
}

TEST(Acquire, GivesWhatTheCallFilled) {
  const auto open = [](Thing** out) { return *out = new Thing{7}, 0; };
  const auto handle = acquire<Handle>(open, [](int, Thing*) { FAIL(); });
  EXPECT_EQ(handle->value, 7);
}

TEST(Acquire, FreesAlsoWhatAFailedCallFilled) {
  freed = 0;
  const auto open = [](Thing** out) { return *out = new Thing{7}, 14; };
  const auto fail = [](int rc, Thing* raw) {
    EXPECT_EQ(rc, 14);
    EXPECT_EQ(raw->value, 7);
    throw Error(Errc::io, "no");
  };
  EXPECT_THROW(acquire<Handle>(open, fail), Error);
  EXPECT_EQ(freed, 1);
}

}  // namespace
}  // namespace base
