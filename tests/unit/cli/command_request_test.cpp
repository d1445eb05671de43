#include "cli/detail/command_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/cli/scripted_server.h"

namespace {

using base::Errc;
using base::Error;
using cli::detail::makeRequest;
using cli::testing::Scene;
using ::testing::ElementsAre;

constexpr const char* kKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me@here\n";

Errc codeOf(Scene& scene, const std::vector<std::string>& argv) {
  try {
    makeRequest(scene.surroundings, argv);
  } catch (const Error& failure) {
    return failure.code();
  }
  return Errc::internal;
}

TEST(CommandRequest, SendsAKeyFileInItsPlace) {
  Scene scene;
  scene.folder.write("work/me.pub", kKey);
  const auto request = makeRequest(scene.surroundings, {"keys:add", "--user", "ann", "me.pub", "--json"});
  EXPECT_THAT(request.argv, ElementsAre("keys:add", "--user", "ann", "-", "--json"));
  EXPECT_EQ(request.input, kKey);
}

TEST(CommandRequest, TakesTheUsersDefaultKeyWhenNoneIsNamed) {
  Scene scene;
  EXPECT_EQ(codeOf(scene, {"keys:add"}), Errc::notFound);
  scene.folder.write("home/.ssh/id_rsa.pub", "ssh-rsa AAAA\n");
  scene.folder.write("home/.ssh/id_ecdsa.pub", kKey);
  const auto request = makeRequest(scene.surroundings, {"keys:add", "--json"});
  EXPECT_THAT(request.argv, ElementsAre("keys:add", "--json", "-"));
  EXPECT_EQ(request.input, kKey);
}

TEST(CommandRequest, ReadsAKeyFromStdin) {
  Scene scene;
  scene.input = kKey;
  const auto request = makeRequest(scene.surroundings, {"keys:add", "-"});
  EXPECT_THAT(request.argv, ElementsAre("keys:add", "-"));
  EXPECT_EQ(request.input, kKey);
}

TEST(CommandRequest, LeavesAKeyThatIsTypedOut) {
  Scene scene;
  const auto request = makeRequest(scene.surroundings, {"keys:add", "ssh-ed25519 AAAA me"});
  EXPECT_THAT(request.argv, ElementsAre("keys:add", "ssh-ed25519 AAAA me"));
  EXPECT_FALSE(request.input);
}

TEST(CommandRequest, NeverSendsAPrivateKey) {
  Scene scene;
  scene.folder.write("work/id", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n");
  EXPECT_EQ(codeOf(scene, {"keys:add", "id"}), Errc::invalidArgument);
}

TEST(CommandRequest, RefusesWhatJsonCannotCarry) {
  Scene scene;
  EXPECT_EQ(codeOf(scene, {"config:set", "A=\xff"}), Errc::invalidArgument);
  EXPECT_EQ(makeRequest(scene.surroundings, {"config:set", "A=\xc3\xa4\n\x01"}).argv[1], "A=\xc3\xa4\n\x01");
}

TEST(CommandRequest, BecomesOneJsonObject) {
  cli::detail::CommandRequest request{
      .argv = {"keys:add", "-"}, .input = "a\"b", .app = "hello", .terminal = true};
  EXPECT_EQ(toBody(request), R"({"argv":["keys:add","-"],"stdin":"a\"b","app":"hello","terminal":true})");
}

}  // namespace
