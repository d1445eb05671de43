#include <gtest/gtest.h>

#include "tests/fuzz/builder_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

using testing_support::replayVaried;

TEST(FuzzCorpus, Procfile) {
  EXPECT_GT(replayVaried("procfile", &fuzz::procfile), 0);
}

TEST(FuzzCorpus, SlugIgnore) {
  EXPECT_GT(replayVaried("slugignore", &fuzz::slugignore), 0);
}

TEST(FuzzCorpus, Release) {
  EXPECT_GT(replayVaried("release", &fuzz::release), 0);
}

TEST(FuzzCorpus, AppJson) {
  EXPECT_GT(replayVaried("app_json", &fuzz::appJson), 0);
}

}  // namespace
