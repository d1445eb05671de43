#include "cli/detail/server_address.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/cli/scripted_server.h"

namespace {

using cli::detail::chooseServer;
using cli::detail::LocalServer;
using cli::detail::netrcPassword;
using cli::detail::RemoteServer;
using cli::testing::Scene;

std::filesystem::path folderOf(Scene& scene, std::vector<std::string> args = {}) {
  return std::get<LocalServer>(chooseServer(scene.surroundings, args)).dataFolder;
}

RemoteServer remoteOf(Scene& scene) {
  std::vector<std::string> args;
  return std::get<RemoteServer>(chooseServer(scene.surroundings, args));
}

TEST(ServerAddress, PrefersTheFlagThenTheUrlThenTheVariableThenTheDefault) {
  Scene scene;
  auto& environment = scene.surroundings.environment;
  environment["FAIRLEAD_URL"] = "http://example.org:5000";
  EXPECT_EQ(folderOf(scene, {"--data", "/srv/x", "apps"}), "/srv/x");
  EXPECT_EQ(remoteOf(scene).host, "example.org");
  environment.erase("FAIRLEAD_URL");
  EXPECT_EQ(folderOf(scene), scene.folder / "data");
  environment.erase("FAIRLEAD_DATA");
  EXPECT_EQ(folderOf(scene), scene.folder / "home/.local/share/fairlead");
  environment["XDG_DATA_HOME"] = "/xdg";
  EXPECT_EQ(folderOf(scene), "/xdg/fairlead");
  scene.surroundings.isRoot = true;
  EXPECT_EQ(folderOf(scene), "/var/lib/fairlead");
}

TEST(ServerAddress, TakesTheFlagOffTheWords) {
  Scene scene;
  std::vector<std::string> args = {"--data=/srv/x", "run", "--data", "y"};
  chooseServer(scene.surroundings, args);
  EXPECT_EQ(args, (std::vector<std::string>{"run", "--data", "y"}));
}

TEST(ServerAddress, ReadsTheUrlAndTheToken) {
  Scene scene;
  scene.surroundings.environment["FAIRLEAD_URL"] = "http://example.org:5000/paas/";
  scene.surroundings.environment["FAIRLEAD_TOKEN"] = "secret";
  const auto server = remoteOf(scene);
  EXPECT_EQ(server.port, 5000);
  EXPECT_EQ(server.pathPrefix, "/paas");
  EXPECT_EQ(server.token, "secret");
}

TEST(ServerAddress, TakesTheTokenFromNetrc) {
  Scene scene;
  scene.surroundings.environment["FAIRLEAD_URL"] = "http://example.org:5000";
  scene.folder.write(
      "home/.netrc",
      "machine other.org login me password no\nmachine example.org\n  login me\n  password yes\n");
  EXPECT_EQ(remoteOf(scene).token, "yes");
}

TEST(ServerAddress, ReadsAnHttpsUrlAndTheAuthorities) {
  Scene scene;
  auto& environment = scene.surroundings.environment;
  environment["FAIRLEAD_URL"] = "http://example.org";
  EXPECT_FALSE(remoteOf(scene).secure);
  environment["FAIRLEAD_URL"] = "https://example.org";
  EXPECT_TRUE(remoteOf(scene).secure);
  EXPECT_EQ(remoteOf(scene).port, 443);
  EXPECT_EQ(remoteOf(scene).authorities, "");
  environment["SSL_CERT_DIR"] = "/certs";
  EXPECT_EQ(remoteOf(scene).authorities, "/certs");
  environment["SSL_CERT_FILE"] = "/ca.pem";
  EXPECT_EQ(remoteOf(scene).authorities, "/ca.pem");
}

TEST(ServerAddress, RefusesUrlsThatItCannotSpeakTo) {
  Scene scene;
  for (const char* url : {"ftp://example.org", "example.org:5000", "http://", "https://"}) {
    scene.surroundings.environment["FAIRLEAD_URL"] = url;
    EXPECT_THROW(remoteOf(scene), base::Error) << url;
  }
}

TEST(Netrc, ReadsMachinesMacrosAndTheDefault) {
  const std::string text =
      "macdef init\nmachine x password fake\n\nmachine a login l password p1 machine b password p2\ndefault "
      "password p3\n";
  EXPECT_EQ(netrcPassword(text, "a"), "p1");
  EXPECT_EQ(netrcPassword(text, "b"), "p2");
  EXPECT_EQ(netrcPassword(text, "x"), "p3");
  EXPECT_EQ(netrcPassword("", "a"), "");
}

}  // namespace
