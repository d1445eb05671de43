#include <gtest/gtest.h>

#include "tests/fuzz/controller_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

TEST(FuzzCorpus, CommandInput) {
  EXPECT_GT(testing_support::replayVaried("command_input", &fuzz::commandInput), 0);
}

}  // namespace
