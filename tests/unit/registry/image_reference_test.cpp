#include "registry/image_reference.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "registry/registry_credentials.h"
#include "registry/web_options.h"
#include "tests/support/temp_folder.h"

#include <fstream>

namespace registry {
namespace {

std::string shown(const std::string& text) {
  const ImageReference reference = ImageReference::parse(text);
  return reference.name() + " " + reference.reference();
}

TEST(ImageReference, IsReadAsDockerReadsIt) {
  EXPECT_EQ(shown("debian"), "docker.io/library/debian latest");
  EXPECT_EQ(shown("heroku/heroku:24"), "docker.io/heroku/heroku 24");
  EXPECT_EQ(shown("docker://ghcr.io/team/app:v1"), "ghcr.io/team/app v1");
  EXPECT_EQ(shown("localhost/app"), "localhost/app latest");
  EXPECT_EQ(shown("localhost:5000/app"), "localhost:5000/app latest");
  EXPECT_EQ(shown("[::1]:5000/a/b:c"), "[::1]:5000/a/b c");
  const std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(shown("r.example/a:v1@" + digest), "r.example/a " + digest);
}

TEST(ImageReference, RefusesWhatIsNone) {
  for (const char* bad : {"", "-x", "--help", "a b", "a;b", "docker://", "x\n", "A/b", "host:0/a", "host:x/a",
                          "host:70000/a", "a:", "a@sha256:1", "[::1/a", "[]:1/a", "http://h/a", "r.example/"})
    EXPECT_THROW(ImageReference::parse(bad), base::Error) << bad;
}

TEST(ImageReference, KnowsThisMachine) {
  for (const char* here : {"localhost", "localhost:5000", "a.localhost:1", "127.0.0.1:5000", "[::1]:5000"})
    EXPECT_TRUE(isLoopbackHost(here)) << here;
  for (const char* elsewhere : {"ghcr.io", "localhost.example:5000", "10.0.0.1", "[::2]"})
    EXPECT_FALSE(isLoopbackHost(elsewhere)) << elsewhere;
  const WebOptions options{.insecureHosts = {"plain.example", "other.example:5000"}};
  EXPECT_FALSE(options.speaksTls("plain.example:5000"));
  EXPECT_FALSE(options.speaksTls("other.example:5000"));
  EXPECT_TRUE(options.speaksTls("other.example"));
  EXPECT_FALSE(options.speaksTls("localhost:5000"));
}

TEST(RegistryCredentials, AreDockersFile) {
  testing_support::TempFolder folder;
  const auto file = folder.path() / "registries.json";
  RegistryCredentials credentials(file);
  EXPECT_FALSE(credentials.find("ghcr.io"));
  EXPECT_TRUE(credentials.logins().empty());
  credentials.put("ghcr.io", {"me", "se:cret", ""});
  credentials.put("docker.io", {"you", "x", ""});
  EXPECT_EQ(credentials.find("ghcr.io")->password, "se:cret");
  EXPECT_EQ(credentials.find("docker.io")->user, "you");
  EXPECT_EQ(credentials.logins().size(), 2u);
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  EXPECT_TRUE(credentials.remove("ghcr.io"));
  EXPECT_FALSE(credentials.remove("ghcr.io"));
  EXPECT_FALSE(credentials.find("ghcr.io"));
  // As docker has written it.
  std::ofstream(file)
      << R"({"credsStore":"x","auths":{"r.example":{"auth":"YTpi"},"s":{"identitytoken":"i"},)"
         R"("https://index.docker.io/v1/":{"username":"u","password":"p"}, "n": 1}})";
  EXPECT_EQ(credentials.find("r.example")->password, "b");
  EXPECT_EQ(credentials.find("s")->identityToken, "i");
  EXPECT_EQ(credentials.find("docker.io")->password, "p");
  EXPECT_FALSE(credentials.find("n"));
  credentials.put("t", {"u", "p", ""});
  EXPECT_EQ(credentials.find("r.example")->user, "a") << "what was there is kept";
}

TEST(RegistryCredentials, RefuseWhatCannotBeSent) {
  testing_support::TempFolder folder;
  RegistryCredentials credentials(folder.path() / "registries.json");
  EXPECT_THROW(credentials.put("h", {"a:b", "x", ""}), base::Error);
  EXPECT_THROW(credentials.put("h", {"", "x", ""}), base::Error);
  EXPECT_THROW(credentials.put("h", {"a", "", ""}), base::Error);
  std::ofstream(folder.path() / "registries.json") << "nothing";
  EXPECT_THROW(credentials.find("h"), base::Error);
}

}  // namespace
}  // namespace registry
