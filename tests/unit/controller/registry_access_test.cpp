#include "controller/registry_access.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace controller {
namespace {

using registry::Action;
using registry::Verdict;

class RegistryAccess : public ::testing::Test {
 protected:
  RegistryAccess() { store_.addToken("ada", "laptop", base::Digest::of("secret").hex()); }

  Verdict ask(AnonymousPull anonymous, const registry::AccessQuestion& question) {
    return registryAccess(store_, anonymous)(question);
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  store::ReleaseStore store_{folder_ / "fairlead.db", clock_};
};

TEST_F(RegistryAccess, LetsATokenDoEverything) {
  for (const Action action : {Action::pull, Action::push, Action::remove}) {
    for (const char* authorization : {"Bearer secret", "Basic bWU6c2VjcmV0"}) {
      EXPECT_EQ(
          ask(AnonymousPull::none, {.action = action, .repository = "a", .authorization = authorization}),
          Verdict::allowed);
    }
  }
}

TEST_F(RegistryAccess, LetsLoopbackReadOnly) {
  for (const char* nothing : {"", "Basic Og=="}) {
    registry::AccessQuestion question{
        .action = Action::pull, .repository = "a", .authorization = nothing, .fromLoopback = true};
    EXPECT_EQ(ask(AnonymousPull::loopback, question), Verdict::allowed);
    EXPECT_EQ(ask(AnonymousPull::none, question), Verdict::logIn);
    question.action = Action::push;
    EXPECT_EQ(ask(AnonymousPull::loopback, question), Verdict::logIn);
    question.action = Action::remove;
    EXPECT_EQ(ask(AnonymousPull::loopback, question), Verdict::logIn);
    question = {.action = Action::pull, .repository = "a", .authorization = nothing, .fromLoopback = false};
    EXPECT_EQ(ask(AnonymousPull::loopback, question), Verdict::logIn);
  }
}

TEST_F(RegistryAccess, TakesNoWrongCredentials) {
  for (const char* wrong : {"Basic bWU6d3Jvbmc=", "Bearer wrong", "Basic", "Digest x"}) {
    EXPECT_EQ(ask(AnonymousPull::loopback,
                  {.action = Action::pull, .repository = "a", .authorization = wrong, .fromLoopback = true}),
              Verdict::logIn)
        << wrong;
  }
}

}  // namespace
}  // namespace controller
