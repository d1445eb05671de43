#include "base/self_signed.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/http_tls.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace base {
namespace {

TEST(SelfSigned, IsKeptWhileItIsForTheHost) {
  const testing_support::TempFolder folder;
  const SelfSigned made = keepSelfSigned(folder.path(), "mine", "paas.example.org");
  EXPECT_EQ(made.certificate, folder / "mine.pem");
  struct stat info {};
  ASSERT_EQ(::stat(made.key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  EXPECT_NO_THROW(makeTlsServerContext(made.certificate, made.key));
  EXPECT_NO_THROW(makeTlsContext(made.certificate)) << "clients cannot trust it";
  const std::string first = folder.read("mine.pem");
  keepSelfSigned(folder.path(), "mine", "paas.example.org");
  EXPECT_EQ(folder.read("mine.pem"), first);
  keepSelfSigned(folder.path(), "mine", "localhost");
  EXPECT_EQ(folder.read("mine.pem"), first) << "it is for this machine's own name, too";
  keepSelfSigned(folder.path(), "mine", "192.0.2.7");
  const std::string second = folder.read("mine.pem");
  EXPECT_NE(second, first) << "it is not for the new host";
  keepSelfSigned(folder.path(), "mine", "192.0.2.7");
  EXPECT_EQ(folder.read("mine.pem"), second);
}

TEST(SelfSigned, IsMadeAnewWhenItsTimeIsOverOrItIsDamaged) {
  const testing_support::TempFolder folder;
  folder.write("mine.key", testing_support::kTestKey);
  for (const std::string_view old :
       {testing_support::kExpiredCertificate, std::string_view("no certificate")}) {
    folder.write("mine.pem", old);
    keepSelfSigned(folder.path(), "mine", "localhost");
    EXPECT_NE(folder.read("mine.pem"), old);
  }
}

TEST(SelfSigned, RefusesWhatIsNoHost) {
  const testing_support::TempFolder folder;
  for (const char* wrong : {"", "a b", "a,DNS:b", "a\n"})
    EXPECT_THROW(keepSelfSigned(folder.path(), "mine", wrong), Error) << wrong;
  EXPECT_FALSE(std::filesystem::exists(folder / "mine.key"));
}

}  // namespace
}  // namespace base
