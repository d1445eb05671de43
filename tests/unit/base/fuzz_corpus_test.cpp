#include <gtest/gtest.h>

#include "tests/fuzz/http_inputs.h"
#include "tests/fuzz/tar_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

TEST(FuzzCorpus, TarNames) {
  EXPECT_GT(testing_support::replayCorpus("tar_names", &fuzz::tarNames), 0);
}

TEST(FuzzCorpus, ChunkedBody) {
  EXPECT_GT(testing_support::replayVaried("chunked_body", &fuzz::chunkedBody), 0);
}

TEST(FuzzCorpus, TarSource) {
  EXPECT_GT(testing_support::replayVaried("tar_source", &fuzz::tarSource), 0);
}

TEST(FuzzCorpus, TarSlug) {
  EXPECT_GT(testing_support::replayVaried("tar_slug", &fuzz::tarSlug), 0);
}

}  // namespace
