#include "controller/render.h"

#include <gtest/gtest.h>

namespace controller {
namespace {

TEST(Table, AlignsColumnsAndLeavesTitlesOut) {
  EXPECT_EQ(table({{"=== a long title over the table"}, {"v10", "x"}, {"v9", "yy"}}),
            "=== a long title over the table\nv10  x\nv9   yy\n");
  EXPECT_EQ(table({}), "");
}

}  // namespace
}  // namespace controller
