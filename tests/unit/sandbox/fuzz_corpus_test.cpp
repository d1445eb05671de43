#include <gtest/gtest.h>

#include "tests/fuzz/sandbox_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

TEST(FuzzCorpus, Dns) {
  EXPECT_GT(testing_support::replayVaried("dns", &fuzz::dns), 0);
}

TEST(FuzzCorpus, SupervisorCall) {
  EXPECT_GT(testing_support::replayVaried("supervisor_call", &fuzz::supervisorCall), 0);
}

}  // namespace
