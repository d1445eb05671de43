#include "server/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace server {
namespace {

std::string failureOf(const std::vector<std::string>& args) {
  try {
    parseConfig(args);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::invalidArgument);
    return error.what();
  }
  return "";
}

class ConfigFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const auto file = folder_.path() / "fairlead.conf";
    std::ofstream(file) << text;
    return file.string();
  }
  testing_support::TempFolder folder_;
};

TEST(Config, FlagsAreTheSettingsNamesWithDashes) {
  const Config config =
      parseConfig({"--data", "/srv/x", "--ssh-listen=127.0.0.1:0", "--build-timeout-s", "7"});
  EXPECT_EQ(config.data, "/srv/x");
  EXPECT_EQ(config.sshListen, "127.0.0.1:0");
  EXPECT_EQ(config.buildTimeoutS, 7u);
}

TEST(Config, UnknownFlagNamesTheNearest) {
  EXPECT_NE(failureOf({"--ssh-listn", "x"}).find("did you mean ssh_listen"), std::string::npos);
  EXPECT_NE(failureOf({"--completely-else", "x"}).find("no setting"), std::string::npos);
}

TEST(Config, AValueThatIsMissingOrOfTheWrongKindIsRefused) {
  EXPECT_NE(failureOf({"--data"}).find("needs a value"), std::string::npos);
  EXPECT_NE(failureOf({"--stop-grace-s", "soon"}).find("no whole number"), std::string::npos);
  EXPECT_NE(failureOf({"serve"}).find("no option"), std::string::npos);
  EXPECT_NE(failureOf({"--buildpack-source", "github"}).find("is none of bundled, heroku"),
            std::string::npos);
}

TEST(Config, TheSupervisorsLimitsAreChecked) {
  EXPECT_EQ(parseConfig({"--volume-folders", "/srv, /data"}).volumeFolders, "/srv, /data");
  EXPECT_EQ(parseConfig({"--volume-folders", ""}).volumeFolders, "");
  EXPECT_NE(failureOf({"--volume-folders", "/srv,media"}).find("\"media\" is no absolute path"),
            std::string::npos);
  EXPECT_NE(failureOf({"--supervisor-max-calls", "3"}).find("at least 16"), std::string::npos);
  EXPECT_EQ(parseConfig({"--supervisor-max-calls", "16"}).supervisorMaxCalls, 16u);
}

TEST(Config, ContainersReachTheRouterThatOthersReach) {
  const auto doors = [](const std::string& listen, const std::string& services = "") {
    return containerDoors(parseConfig({"--router-listen", listen, "--host-services", services}));
  };
  EXPECT_EQ(doors("0.0.0.0:80"), "*:80");
  EXPECT_EQ(doors(":80"), "*:80");
  EXPECT_EQ(doors("*:80"), "*:80");
  EXPECT_EQ(doors("[::]:80"), "*:80");
  EXPECT_EQ(doors("192.0.2.1:8080", "192.0.2.1:5432"), "192.0.2.1:5432, 192.0.2.1:8080");
  for (const std::string closed : {"127.0.0.1:8080", "0.0.0.0:0", "[2001:db8::1]:80", "localhost:80", "x"})
    EXPECT_EQ(doors(closed, "192.0.2.1:5432"), "192.0.2.1:5432") << closed;
  EXPECT_EQ(containerDoors(parseConfig({"--router-listen=:80", "--router-https-listen=:443"})),
            "*:80, *:443");
}

TEST(Config, CertificatesComeFromAnAuthorityOrTheRouterItself) {
  EXPECT_EQ(parseConfig({"--acme-directory=internal"}).acmeDirectory, "internal");
  EXPECT_EQ(parseConfig({"--acme-email=me@example.org"}).acmeEmail, "me@example.org");
  for (const std::string wrong : {"--acme-directory=acme.example.org", "--acme-email=me",
                                  "--acme-email={x}@y", "--router-redirect=maybe"})
    EXPECT_THROW(parseConfig({wrong}), base::Error) << wrong;
}

TEST(Config, LimitsAreWrittenAsAppsWriteThem) {
  const Config config = parseConfig(
      {"--build-memory-bytes", "2G", "--build-cpus=1.5", "--app-limits-max", "build_cpus=4 build_pids=9"});
  EXPECT_EQ(config.buildMemoryBytes, 2ull << 30);
  EXPECT_EQ(config.buildCpuMillis, 1500u);
  EXPECT_EQ(config.appLimitsMax.at("build_pids"), 9u);
  EXPECT_NE(failureOf({"--build-memory-bytes", "two"}).find("512M"), std::string::npos);
  EXPECT_NE(failureOf({"--app-limits-max", "build_cpu=4"}).find("did you mean build_cpus"),
            std::string::npos);
}

TEST_F(ConfigFile, IsReadFirstAndFlagsWin) {
  const std::string file = write("# settings\n\ndomain = example.org\n build_pids=9 \n");
  const Config config = parseConfig({"--domain", "localhost", "--config", file});
  EXPECT_EQ(config.domain, "localhost");
  EXPECT_EQ(config.buildPids, 9u);
}

TEST_F(ConfigFile, ErrorsNameTheLine) {
  EXPECT_NE(failureOf({"--config", write("domain = x\nnonsense\n")}).find("line 2"), std::string::npos);
  EXPECT_NE(failureOf({"--config", write("slug_max_byte = 1\n")}).find("did you mean slug_max_bytes"),
            std::string::npos);
}

TEST(Config, DescribesEverySettingSoThatItCanBeReadBack) {
  testing_support::TempFolder folder;
  const auto file = folder.path() / "all.conf";
  const std::string described = describeConfig(parseConfig({"--data", "/srv/x"}));
  std::ofstream(file) << described;
  EXPECT_EQ(describeConfig(parseConfig({"--config", file.string()})), described);
}

}  // namespace
}  // namespace server
