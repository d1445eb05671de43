#include "controller/public_urls.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace controller {
namespace {

TEST(PublicUrls, NamesTheDomainWhereTheListenerHasNoNameOfItsOwn) {
  PublicUrls urls("localhost");
  urls.setEndpoints({.ssh = "127.0.0.1:2222", .http = "0.0.0.0:5000", .router = "127.0.0.1:8080"});
  const auto app = store::AppName::parse("hello");
  EXPECT_EQ(urls.git(app), "ssh://git@localhost:2222/hello.git");
  EXPECT_EQ(urls.web(app), "http://hello.localhost:8080/");
  EXPECT_EQ(urls.image(app, {3}), "localhost:5000/hello:v3");
}

TEST(PublicUrls, KeepsAnAddressThatClientsCanUseAndDropsPort80) {
  PublicUrls urls("example.org");
  urls.setEndpoints({.ssh = "192.0.2.7:22", .http = "192.0.2.7:5000", .router = "0.0.0.0:80"});
  const auto app = store::AppName::parse("hello");
  EXPECT_EQ(urls.git(app), "ssh://git@192.0.2.7:22/hello.git");
  EXPECT_EQ(urls.web(app), "http://hello.example.org/");
}

TEST(PublicUrls, AppsAreServedWithTlsWhereTheRouterHasIt) {
  PublicUrls urls("example.org");
  const auto app = store::AppName::parse("hello");
  urls.setEndpoints({.router = "0.0.0.0:80", .routerHttps = "0.0.0.0:443"});
  EXPECT_EQ(urls.web(app), "https://hello.example.org/");
  urls.setEndpoints({.router = "0.0.0.0:80", .routerHttps = "0.0.0.0:8443"});
  EXPECT_EQ(urls.web(app), "https://hello.example.org:8443/");
}

TEST(PublicUrls, TheOperatorsWordCountsForHttp) {
  PublicUrls urls("example.org", "https://paas.example.org");
  urls.setEndpoints({.ssh = "192.0.2.7:22", .http = "127.0.0.1:5000", .router = "0.0.0.0:80"});
  EXPECT_EQ(urls.http(), "https://paas.example.org");
  EXPECT_EQ(urls.image(store::AppName::parse("hello"), {3}), "paas.example.org/hello:v3");
}

TEST(PublicUrls, ClientsComeToTheRendezvousByTheHostThatTheyKnow) {
  const Endpoints endpoints{.ssh = "127.0.0.1:2222",
                            .http = "127.0.0.1:5000",
                            .router = "127.0.0.1:80",
                            .https = "",
                            .rendezvous = "0.0.0.0:5001"};
  for (const auto& [publicUrl, host] :
       std::map<std::string, std::string>{{"", "example.org"},
                                          {"https://paas.example.org", "paas.example.org"},
                                          {"http://10.0.0.1:5000", "10.0.0.1"},
                                          {"http://[::1]:5000", "[::1]"},
                                          {"http://[::1]", "[::1]"}}) {
    PublicUrls urls("example.org", publicUrl);
    urls.setEndpoints(endpoints);
    EXPECT_EQ(urls.host(), host);
    EXPECT_EQ(urls.rendezvous("abc"), "rendezvous://" + host + ":5001/abc");
  }
}

TEST(PublicUrls, ThePublicUrlIsASchemeAndAHost) {
  for (const char* good : {"https://paas.example.org", "http://10.0.0.1:5000", "http://[::1]:5000"})
    EXPECT_EQ(parsePublicUrl(good), good);
  for (const char* wrong : {"", "paas", "ftp://paas", "https://", "https://paas/", "https://a\"b", "://x"})
    EXPECT_THROW(parsePublicUrl(wrong), base::Error) << wrong;
}

}  // namespace
}  // namespace controller
