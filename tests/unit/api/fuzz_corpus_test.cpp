#include <gtest/gtest.h>

#include "tests/fuzz/api_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

TEST(FuzzCorpus, ListRange) {
  EXPECT_GT(testing_support::replayCorpus("list_range", &fuzz::listRange), 0);
}

TEST(FuzzCorpus, RequestBody) {
  EXPECT_GT(testing_support::replayCorpus("request_body", &fuzz::requestBody), 0);
}

}  // namespace
