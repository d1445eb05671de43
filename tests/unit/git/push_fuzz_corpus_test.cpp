#include <gtest/gtest.h>

#include "tests/fuzz/push_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

using testing_support::replayCorpus;

TEST(PushFuzzCorpus, PushRequest) {
  EXPECT_GT(replayCorpus("push_request", &fuzz::pushRequest), 0);
}
TEST(PushFuzzCorpus, PackedRefs) {
  EXPECT_GT(replayCorpus("packed_refs", &fuzz::packedRefs), 0);
}

}  // namespace
