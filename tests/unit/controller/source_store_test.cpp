#include "controller/source_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tests/support/byte_streams.h"
#include "tests/support/failure_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::failureOf;
using testing_support::StringSource;

class SourceStoreTest : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    StringSource body(text, 3);
    store_.put(path, body);
  }
  std::size_t files() const {
    const auto folder = std::filesystem::directory_iterator(folder_ / "sources");
    return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  UrlSigner signer_{folder_ / "key", std::chrono::hours(1), clock_};
  SourceStore store_{folder_ / "sources", {.maxBytes = 10}, signer_, clock_};
};

TEST_F(SourceStoreTest, WhatIsPutIsThere) {
  const auto paths = store_.create();
  EXPECT_THAT(paths.get, StartsWith("/sources/"));
  EXPECT_EQ(failureOf([&] { store_.file(paths.get); }).code(), Errc::notFound);
  EXPECT_THAT(failureOf([&] { store_.resolve(paths.get); }).what(), HasSubstr("nothing was uploaded"));
  put(paths.put, "0123456789");
  EXPECT_EQ(base::readFile(store_.file(paths.get)), "0123456789");
  put(paths.put, "anew");
  EXPECT_EQ(base::readFile(store_.file(paths.get)), "anew");
  struct stat info {};
  ASSERT_EQ(::stat(store_.file(paths.get).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(SourceStoreTest, TooMuchIsRefusedAndNothingIsKept) {
  const auto paths = store_.create();
  const Error failure = failureOf([&] { put(paths.put, "0123456789+"); });
  EXPECT_EQ(failure.code(), Errc::invalidArgument);
  EXPECT_THAT(failure.what(), HasSubstr("setting source_max_bytes"));
  EXPECT_EQ(files(), 0u);
}

TEST_F(SourceStoreTest, EachUrlIsForOneThingAndForAWhile) {
  const auto paths = store_.create();
  const auto others = store_.create();
  put(paths.put, "mine");
  EXPECT_EQ(failureOf([&] { put(paths.get, "x"); }).code(), Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { store_.file(paths.put); }).code(), Errc::permissionDenied);
  const std::string foreign =
      paths.get.substr(0, paths.get.find('?')) + others.get.substr(others.get.find('?'));
  EXPECT_EQ(failureOf([&] { store_.file(foreign); }).code(), Errc::permissionDenied);
  std::string longer = paths.get;
  longer.replace(longer.find("expires=") + 8, 1, "9");
  EXPECT_EQ(failureOf([&] { store_.file(longer); }).code(), Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { store_.file("/sources/../key?expires=1&signature=2"); }).code(),
            Errc::permissionDenied);
  clock_.advance(std::chrono::hours(1));
  store_.file(paths.get);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_THAT(failureOf([&] { store_.file(paths.get); }).what(), HasSubstr("time is over"));
}

TEST_F(SourceStoreTest, ASignatureOutlivesARestartButNotAnotherKey) {
  const auto paths = store_.create();
  put(paths.put, "mine");
  const UrlSigner again(folder_ / "key", std::chrono::hours(1), clock_);
  again.check("GET", paths.get);
  again.check("HEAD", paths.get);
  const UrlSigner other(folder_ / "other", std::chrono::hours(1), clock_);
  EXPECT_EQ(failureOf([&] { other.check("GET", paths.get); }).code(), Errc::permissionDenied);
  EXPECT_THAT(base::readFile(folder_ / "key"), ::testing::SizeIs(65));
}

TEST_F(SourceStoreTest, ResolvesItsOwnByAnyHostAndLeavesHttpsToTheBuild) {
  const auto paths = store_.create();
  put(paths.put, "mine");
  for (const std::string host : {"", "http://localhost:5000", "https://deploy.example.com"}) {
    const auto file = store_.resolve(host + paths.get);
    ASSERT_NE(file, nullptr);
    char text[4];
    EXPECT_EQ(::read(file->get(), text, sizeof text), 4);
  }
  EXPECT_EQ(store_.resolve("https://example.com/archive/main.tar.gz?token=x"), nullptr);
  EXPECT_EQ(store_.resolve("https://example.com/sources/x.tgz"), nullptr);
  for (const char* bad : {"http://example.com/x.tgz", "file:///etc/passwd", "/etc/passwd", "", "https://",
                          "https://example.com/a b", "ftp://example.com/x", "/sources/x"})
    EXPECT_EQ(failureOf([&] { store_.resolve(bad); }).code(), Errc::invalidArgument) << bad;
  EXPECT_EQ(failureOf([&] { store_.resolve(paths.get + "0"); }).code(), Errc::permissionDenied);
}

TEST_F(SourceStoreTest, SweepsWhatIsOldAndWhatWasLeftHalfDone) {
  const auto paths = store_.create();
  put(paths.put, "mine");
  const auto held = store_.resolve(paths.get);
  folder_.write("sources/.x.abc.tmp", "half");
  store_.sweep();
  EXPECT_EQ(files(), 2u) << "somebody may be uploading it";
  {
    const SourceStore next(folder_ / "sources", {}, signer_, clock_);
    EXPECT_EQ(files(), 1u);
  }
  clock_.advance(std::chrono::hours(24 * 365 * 100));
  store_.sweep();
  EXPECT_EQ(files(), 0u);
  char text[4];
  EXPECT_EQ(::read(held->get(), text, sizeof text), 4) << "who builds it has it open";
}

}  // namespace
}  // namespace controller
