#include <gtest/gtest.h>

#include "tests/fuzz/git_reading_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

using testing_support::replayVaried;

TEST(ReadingCorpus, Idx) {
  EXPECT_GT(replayVaried("idx", &fuzz::idx), 0);
}
TEST(ReadingCorpus, PackEntry) {
  EXPECT_GT(replayVaried("pack_entry", &fuzz::packEntry), 0);
}
TEST(ReadingCorpus, ObjectFilter) {
  EXPECT_GT(replayVaried("object_filter", &fuzz::objectFilter), 0);
}
TEST(ReadingCorpus, UploadPack) {
  EXPECT_GT(replayVaried("upload_pack", &fuzz::uploadPack), 0);
}

}  // namespace
