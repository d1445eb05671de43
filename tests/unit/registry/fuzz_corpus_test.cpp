#include <gtest/gtest.h>

#include "tests/fuzz/registry_inputs.h"
#include "tests/support/fuzz_corpus.h"

namespace {

TEST(FuzzCorpus, ManifestJson) {
  EXPECT_GT(testing_support::replayCorpus("manifest_json", &fuzz::manifestJson), 0);
}

TEST(FuzzCorpus, ContentRange) {
  EXPECT_GT(testing_support::replayCorpus("content_range", &fuzz::contentRange), 0);
}

TEST(FuzzCorpus, RegistryUri) {
  EXPECT_GT(testing_support::replayCorpus("registry_uri", &fuzz::registryUri), 0);
}

TEST(FuzzCorpus, AuthChallenge) {
  EXPECT_GT(testing_support::replayCorpus("auth_challenge", &fuzz::authChallenge), 0);
}

TEST(FuzzCorpus, ImageReference) {
  EXPECT_GT(testing_support::replayCorpus("image_reference", &fuzz::imageReference), 0);
}

TEST(FuzzCorpus, TokenRequest) {
  EXPECT_GT(testing_support::replayVaried("token_request", &fuzz::tokenRequest), 0);
}

}  // namespace
