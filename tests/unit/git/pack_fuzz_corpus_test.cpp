#include <gtest/gtest.h>

#include "tests/fuzz/git_pack_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

using testing_support::replayCorpus;

TEST(PackFuzzCorpus, Pack) {
  EXPECT_GT(replayCorpus("pack", &fuzz::pack), 0);
}

TEST(PackFuzzCorpus, Delta) {
  EXPECT_GT(replayCorpus("delta", &fuzz::delta), 0);
}

TEST(PackFuzzCorpus, Tree) {
  EXPECT_GT(replayCorpus("tree", &fuzz::tree), 0);
}

TEST(PackFuzzCorpus, Gitmodules) {
  EXPECT_GT(replayCorpus("gitmodules", &fuzz::gitmodules), 0);
}

}  // namespace
