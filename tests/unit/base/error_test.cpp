#include "base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>

namespace base {
namespace {

using testing::HasSubstr;

Error errorOf(int errorNumber) {
  try {
    throwErrno(errorNumber, "storing a blob");
  } catch (const Error& error) {
    return error;
  }
}

TEST(Error, KeepsCodeAndMessage) {
  const Error error(Errc::conflict, "in use");
  EXPECT_EQ(error.code(), Errc::conflict);
  EXPECT_STREQ(error.what(), "in use");
}

TEST(Error, PutsContextInFront) {
  Error error(Errc::io, "short write");
  error.addContext("storing blob").addContext("pushing");
  EXPECT_STREQ(error.what(), "pushing: storing blob: short write");
}

TEST(Error, NamesEveryCodeDifferently) {
  EXPECT_EQ(name(Errc::notFound), "notFound");
  EXPECT_EQ(name(Errc::io), "io");
  EXPECT_EQ(name(Errc::internal), "internal");
  EXPECT_EQ(name(Errc::invalidArgument), "invalidArgument");
}

TEST(ThrowErrno, MapsToWhatTheCallerCanDo) {
  EXPECT_EQ(errorOf(ENOENT).code(), Errc::notFound);
  EXPECT_EQ(errorOf(EEXIST).code(), Errc::alreadyExists);
  EXPECT_EQ(errorOf(EACCES).code(), Errc::permissionDenied);
  EXPECT_EQ(errorOf(EPERM).code(), Errc::permissionDenied);
  EXPECT_EQ(errorOf(ETIMEDOUT).code(), Errc::timedOut);
  EXPECT_EQ(errorOf(ENOTDIR).code(), Errc::io);
}

TEST(ThrowErrno, SaysThatTheDiskIsFull) {
  EXPECT_EQ(errorOf(ENOSPC).code(), Errc::diskFull);
  EXPECT_EQ(errorOf(EDQUOT).code(), Errc::diskFull);
  EXPECT_STREQ(errorOf(ENOSPC).what(), "storing a blob: disk is full");
  EXPECT_STREQ(errorOf(EDQUOT).what(), "storing a blob: disk is full");
}

TEST(ThrowErrno, UsesTheSystemsWords) {
  EXPECT_STREQ(errorOf(ENOENT).what(), "storing a blob: No such file or directory");
}

TEST(PublicMessage, KeepsPathsToItself) {
  EXPECT_EQ(publicMessage(Error(Errc::conflict, "fetch first")), "fetch first");
  const std::filesystem::filesystem_error failure("cannot rename", "/var/lib/secret", "/var/lib/other",
                                                  std::make_error_code(std::errc::permission_denied));
  EXPECT_EQ(publicMessage(failure), "a file operation of the server failed: Permission denied");
  EXPECT_EQ(publicMessage(std::runtime_error("/etc/shadow")), "internal error; the server's log says more");
}

TEST(CheckDeathTest, AbortsWithTheExpression) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "CHECK\\(1 \\+ 1 == 3\\) failed");
}

TEST(Check, PassesOverWhatIsTrue) {
  CHECK(1 + 1 == 2);
}

}  // namespace
}  // namespace base
