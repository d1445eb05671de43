// Who is let in by which key, and what is not served to anybody.
#include <gmock/gmock.h>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LoginTest : public ServerTest {
 protected:
  /// Makes a key pair of a kind and lets its owner in, as far as the layer above is concerned.
  void makeKey(const std::string& name, const std::vector<std::string>& kind) {
    std::vector<std::string> argv = {"ssh-keygen", "-q", "-N", "",
                                     "-C",         name, "-f", folder_ / ("keys/" + name)};
    argv.insert(argv.end(), kind.begin(), kind.end());
    base::mustRun(argv);
    const auto listed = base::mustRun({"ssh-keygen", "-l", "-f", folder_ / ("keys/" + name + ".pub")});
    const auto at = listed.find("SHA256:");
    handler_.users[listed.substr(at, listed.find(' ', at) - at)] = name;
  }
  base::CommandOutput login(const std::string& name, const std::vector<std::string>& options = {}) {
    auto argv = sshCommand(name);
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1", "apps"});
    return run(argv, {}, name);
  }
  base::CommandOutput hostile(std::vector<std::string> words) {
    words.insert(words.begin() + 1, port());
    words.insert(words.begin(), {"/usr/bin/python3", SOURCE_DIR "/tests/support/hostile_ssh.py"});
    return run(words);
  }
};

TEST_F(LoginTest, AStoreThatFailsIsTold) {
  start();
  handler_.storeFails = true;
  const auto told = ssh({"apps"});
  EXPECT_EQ(told.status.code, 255);
  EXPECT_THAT(told.err, HasSubstr("fairlead: the server cannot look up keys now: try again in a moment"));
  handler_.storeFails = false;
  EXPECT_EQ(ssh({"apps"}).status.code, 0);
}

TEST_F(LoginTest, TakesTheKeysThatAreSafe) {
  makeKey("ecdsa", {"-t", "ecdsa", "-b", "256"});
  makeKey("rsa", {"-t", "rsa", "-b", "2048"});
  start();
  EXPECT_EQ(login("ecdsa").out, "hello ecdsa\n");
  EXPECT_EQ(login("rsa", {"-o", "PubkeyAcceptedAlgorithms=rsa-sha2-256"}).out, "hello rsa\n");
  EXPECT_EQ(login("rsa", {"-o", "PubkeyAcceptedAlgorithms=rsa-sha2-512"}).out, "hello rsa\n");
}

TEST_F(LoginTest, RefusesWeakKeysAndSignatures) {
  makeKey("dsa", {"-t", "dsa"});
  makeKey("short", {"-t", "rsa", "-b", "1024"});
  makeKey("rsa", {"-t", "rsa", "-b", "2048"});
  start();
  EXPECT_EQ(login("dsa", {"-o", "PubkeyAcceptedAlgorithms=+ssh-dss"}).status.code, 255);
  EXPECT_EQ(login("short", {"-o", "RequiredRSASize=1024"}).status.code, 255);
  EXPECT_EQ(login("rsa", {"-o", "PubkeyAcceptedAlgorithms=ssh-rsa"}).status.code, 255) << "SHA-1";
}

TEST_F(LoginTest, RefusesCertificates) {
  makeKey("certified", {"-t", "ed25519"});
  base::mustRun({"ssh-keygen", "-q", "-s", folder_ / ("keys/" + key("authority")), "-I", "id", "-n", "git",
                 folder_ / "keys/certified.pub"});
  start();
  const auto only = login("certified", {"-o", "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com"});
  EXPECT_EQ(only.status.code, 255);
  // Its plain key is still its own.
  EXPECT_EQ(login("certified").out, "hello certified\n");
}

TEST_F(LoginTest, AKeyProvesNothingWithoutItsSignature) {
  start();
  EXPECT_EQ(hostile({"borrowed", folder_ / ("keys/" + key("mallory")), folder_ / "keys/alice.pub"}).out,
            "refused\n");
}

TEST_F(LoginTest, FindsTheRightKeyAmongManyInAnAgent) {
  start();
  auto argv = sshCommand(key("key0"));
  for (int i = 1; i < 20; ++i)
    argv.insert(argv.end(), {"-i", folder_ / ("keys/" + key("key" + std::to_string(i)))});
  argv.insert(argv.end(), {"-i", folder_ / "keys/alice", "-p", port(), "git@127.0.0.1", "apps"});
  EXPECT_EQ(run(argv).out, "hello alice\n");
}

TEST_F(LoginTest, EndsALongSearchForAKeyWithASentence) {
  start();
  auto argv = sshCommand(key("key0"));
  for (int i = 1; i < 32; ++i)
    argv.insert(argv.end(), {"-i", folder_ / ("keys/" + key("key" + std::to_string(i)))});
  argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1", "apps"});
  const auto result = run(argv);
  EXPECT_EQ(result.status.code, 255);
  EXPECT_THAT(result.err, HasSubstr("fairlead: too many keys were offered (30): name the right one"));
}

TEST_F(LoginTest, EndsTheGuessingOfPasswords) {
  start();
  const int answered = std::stoi(hostile({"guesses", "100"}).out);
  EXPECT_GE(answered, 1);
  EXPECT_LE(answered, 6);
}

TEST_F(LoginTest, SaysThatASubsystemIsNotServed) {
  start();
  const auto result = login("alice", {"-s"});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("fairlead: \"apps\" is not served: git push, git clone and the commands of"));
}

TEST_F(LoginTest, DoesNotCompress) {
  start();
  const auto result = login("alice", {"-C", "-v"});
  EXPECT_EQ(result.out, "hello alice\n");
  EXPECT_THAT(result.err, HasSubstr("compression: none"));
}

TEST_F(LoginTest, ForwardsNothing) {
  start();
  const auto result = login("alice", {"-R", "0:localhost:1"});
  EXPECT_EQ(result.out, "hello alice\n");
  EXPECT_THAT(result.err, HasSubstr("remote port forwarding failed"));
  EXPECT_EQ(hostile({"requests", folder_ / "keys/alice", "apps"}).out, "hello alice\n");
}

TEST_F(LoginTest, HasAnRsaHostKeyForOldClients) {
  start([&](SshServerConfig& config) { config.rsaHostKeyFile = folder_ / "keys/host_rsa"; });
  ASSERT_EQ(server_->hostKeyFingerprints().size(), 2u);
  EXPECT_THAT(base::mustRun({"ssh-keygen", "-l", "-f", config_.rsaHostKeyFile}),
              HasSubstr(server_->hostKeyFingerprints()[1]));
  EXPECT_EQ(login("alice", {"-o", "HostKeyAlgorithms=rsa-sha2-256"}).out, "hello alice\n");
  EXPECT_EQ(login("alice", {"-o", "HostKeyAlgorithms=ssh-ed25519"}).out, "hello alice\n");
  EXPECT_NE(login("alice", {"-o", "HostKeyAlgorithms=ssh-rsa"}).status.code, 0) << "SHA-1";
}

TEST_F(LoginTest, ServesDropbear) {
  start();
  base::mustRun(
      {"dropbearconvert", "openssh", "dropbear", folder_ / "keys/alice", folder_ / "keys/alice.db"});
  const auto result =
      run({"dbclient", "-y", "-y", "-i", folder_ / "keys/alice.db", "-p", port(), "git@127.0.0.1", "apps"});
  EXPECT_EQ(result.out, "hello alice\n") << result.err;
}

TEST_F(LoginTest, DropbearEndsThoughItsReaderIsSlow) {
  // More than the pipe holds, and less than the client's window on top of it.
  const std::string much(80'000, 'x');
  handler_.onCommand = [much](const std::vector<std::string>&, CommandStreams& streams,
                              const std::stop_token&) {
    streams.out().write(much);
    return 0;
  };
  start();
  base::mustRun(
      {"dropbearconvert", "openssh", "dropbear", folder_ / "keys/alice", folder_ / "keys/alice.db"});
  const std::string client = "timeout 5 dbclient -y -y -i " + (folder_ / "keys/alice.db").string() + " -p " +
                             port() + " git@127.0.0.1 much";
  const auto result = run({"bash", "-c", "set -o pipefail; " + client + " | (sleep 0.3; wc -c)"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(result.out, "80000\n");
}

TEST_F(LoginTest, ServesPutty) {
  start();
  base::mustRun({"puttygen", folder_ / "keys/alice", "-O", "private", "-o", folder_ / "keys/alice.ppk"});
  const auto result = run({"plink", "-batch", "-ssh", "-hostkey", server_->hostKeyFingerprints()[0], "-i",
                           folder_ / "keys/alice.ppk", "-P", port(), "git@127.0.0.1", "apps"});
  EXPECT_EQ(result.out, "hello alice\n") << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("rror")));
}

}  // namespace
}  // namespace gitd::testing
