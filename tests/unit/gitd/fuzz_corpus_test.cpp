#include <gtest/gtest.h>

#include "tests/fuzz/gitd_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

using testing_support::replayCorpus;

TEST(FuzzCorpus, SshCommand) {
  EXPECT_GT(replayCorpus("ssh_command", &fuzz::sshCommand), 0);
}

}  // namespace
