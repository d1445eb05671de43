#include "controller/push_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusalOf(const std::vector<std::string>& options) {
  try {
    parsePushOptions(options);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "";
}

TEST(PushOptions, NoneMeansAnOrdinaryPush) {
  const PushOptions options = parsePushOptions({});
  EXPECT_FALSE(options.noCache || options.detach || options.dryRun || options.cancelRunning);
  EXPECT_EQ(options.message, "");
  EXPECT_TRUE(options.buildpacks.empty());
}

TEST(PushOptions, AllOfThem) {
  const PushOptions options =
      parsePushOptions({"no-cache", "detach", "dry-run", "cancel-running",
                        "buildpack=https://example.org/b.git#v1", "message= Fix = it "});
  EXPECT_TRUE(options.noCache && options.detach && options.dryRun && options.cancelRunning);
  EXPECT_THAT(options.buildpacks, ElementsAre("https://example.org/b.git#v1"));
  EXPECT_EQ(options.message, "Fix = it");
}

TEST(PushOptions, AnUnknownOneIsRefusedWithTheList) {
  EXPECT_THAT(refusalOf({"no-cache", "skip-tests"}), HasSubstr("\"skip-tests\" is not known"));
  for (const char* known :
       {"no-cache", "detach", "dry-run", "cancel-running", "buildpack=URL", "message=TEXT"})
    EXPECT_THAT(refusalOf({"Detach"}), HasSubstr(known));
  EXPECT_THAT(refusalOf({"detach=1"}), HasSubstr("is not known"));
  EXPECT_THAT(refusalOf({""}), HasSubstr("is not known"));
}

TEST(PushOptions, ValuesMustBeWhole) {
  EXPECT_THAT(refusalOf({"message="}), HasSubstr("needs a value"));
  EXPECT_THAT(refusalOf({"message=   "}), HasSubstr("needs a value"));
  EXPECT_THAT(refusalOf({"message=" + std::string(201, 'x')}), HasSubstr("longer than 200 bytes"));
  EXPECT_THAT(refusalOf({"message=a\x1b[2Jb"}), HasSubstr("cannot be printed"));
}

}  // namespace
}  // namespace controller
