#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/error.h"
#include "base/strings.h"
#include "gitd/ssh_server.h"
#include "tests/support/temp_folder.h"

namespace gitd {
namespace {

std::string generate(const testing_support::TempFolder& folder, const std::string& type,
                     const std::string& bits) {
  const std::string file = folder / ("key-" + type + bits);
  base::mustRun({"ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-C", "a comment", "-f", file});
  return file;
}

std::string refusal(const std::string& line) {
  try {
    parsePublicKey(line);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "";
}

TEST(PublicKey, AgreesWithSshKeygen) {
  const testing_support::TempFolder folder;
  for (const auto& [type, bits] :
       {std::pair("ed25519", "256"), std::pair("ecdsa", "256"), std::pair("ecdsa", "384"),
        std::pair("ecdsa", "521"), std::pair("rsa", "2048")}) {
    const std::string file = generate(folder, type, bits);
    const std::string line = folder.read(std::filesystem::path(file + ".pub").filename().string());
    const PublicKey key = parsePublicKey(line);
    EXPECT_EQ(key.canonical + " a comment\n", line);
    EXPECT_EQ(key.comment, "a comment");
    EXPECT_NE(base::mustRun({"ssh-keygen", "-l", "-f", file}).find(" " + key.fingerprint + " "),
              std::string::npos);
  }
}

TEST(PublicKey, RefusesWeakKeys) {
  const testing_support::TempFolder folder;
  const std::string file = generate(folder, "rsa", "1024");
  EXPECT_NE(refusal(folder.read(std::filesystem::path(file + ".pub").filename().string())).find("1024 bits"),
            std::string::npos);
  EXPECT_NE(refusal("ssh-dss AAAAB3NzaC1kc3M=").find("DSA"), std::string::npos);
}

TEST(PublicKey, RefusesWhatIsNotOne) {
  const std::string good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhLr6iY0bPyuNKOZMiZ/ZqT3cGZ8rHq2hRkUSfZ3v6c";
  EXPECT_EQ(refusal(good + " c\r\n"), "");
  EXPECT_NE(refusal("-----BEGIN OPENSSH PRIVATE KEY-----\nabc").find("private key"), std::string::npos);
  EXPECT_NE(refusal("ssh-ed25519-cert-v01@openssh.com AAAA").find("certificate"), std::string::npos);
  EXPECT_NE(refusal("command=\"sh\" " + good).find("not an OpenSSH public key"), std::string::npos);
  EXPECT_NE(refusal(""), "");
  EXPECT_NE(refusal("ssh-ed25519"), "");
  EXPECT_NE(refusal("ssh-ed25519 ????"), "");
  EXPECT_NE(refusal(good + "\n" + good), "");
  EXPECT_NE(refusal(good.substr(0, good.size() - 4)), "");  // cut off
  EXPECT_NE(refusal("ssh-rsa" + good.substr(11)), "");      // another type's data
  EXPECT_NE(refusal(good + "AAAA"), "");                    // something behind it
  EXPECT_NE(refusal(std::string(20'000, 'a')), "");
  EXPECT_NE(refusal(std::string("ssh-ed25519 AAAA\0AAAA", 21)), "");
}

}  // namespace
}  // namespace gitd
