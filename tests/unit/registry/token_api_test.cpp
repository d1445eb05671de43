// Getting a bearer, over a live server. (Docker registry token authentication; OAuth2 Token Authentication.)
#include "registry/token_api.h"

#include <optional>

#include "base/json.h"
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

using ::testing::HasSubstr;

class TokenApiTest : public ::testing::Test {
 protected:
  Answer ask(const std::string& method, const std::string& path, const Headers& headers = {},
             const std::string& body = "") {
    Poco::Net::HTTPClientSession session(Poco::Net::SocketAddress(server_->address()));
    Poco::Net::HTTPRequest request(method, path, "HTTP/1.1");
    for (const auto& [name, value] : headers)
      request.set(name, value);
    if (method == "POST") request.setContentLength64(static_cast<std::int64_t>(body.size()));
    session.sendRequest(request) << body << std::flush;
    Answer answer;
    std::istream& in = session.receiveResponse(answer.head);
    Poco::StreamCopier::copyToString(in, answer.body);
    return answer;
  }
  Answer post(const std::string& form, Headers headers = {}) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    return ask("POST", "/token", headers, form);
  }

  TokenQuestion asked_;
  bool known_ = true;
  TokenApi api_{[this](const TokenQuestion& question) -> TokenAnswer {
    asked_ = question;
    if (!known_) throw base::Error(base::Errc::unauthenticated, "nobody knows you");
    return {.bearer = "BEARER",
            .refreshToken = question.offline ? "REFRESH" : "",
            .granted = {question.scopes.begin(), question.scopes.end()},
            .issuedAt = base::Time(std::chrono::seconds(1'000'000'000)),
            .lifetime = std::chrono::seconds(300)};
  }};
  std::unique_ptr<base::HttpServer> server_ =
      base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "http_listen"),
                              [this](const base::HttpRequest&) { return api_.handler(); });
};

TEST_F(TokenApiTest, GetHasItsCredentialsInTheHeader) {
  const Answer answer = ask("GET",
                            "/token?account=me&scope=repository%3Aa%2Fb%3Apull%2Cpush&service=h"
                            "&scope=repository:c:pull+registry:catalog:*&offline_token=true&client_id=docker",
                            {{"Authorization", "Basic bWU6c2VjcmV0"}});
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("Cache-Control"), "no-store");
  EXPECT_EQ(answer.body,
            "{\"token\":\"BEARER\",\"access_token\":\"BEARER\",\"token_type\":\"Bearer\",\"expires_in\":300,"
            "\"issued_at\":\"2001-09-09T01:46:40Z\",\"scope\":\"repository:a/b:pull,push repository:c:pull "
            "registry:catalog:*\",\"refresh_token\":\"REFRESH\"}");
  EXPECT_EQ(asked_.secret, "secret");
  EXPECT_EQ(asked_.refreshToken, std::nullopt);
  EXPECT_TRUE(asked_.fromLoopback);
}

TEST_F(TokenApiTest, GetGoesWithoutCredentials) {
  EXPECT_EQ(ask("GET", "/token", {{"X-Forwarded-For", "192.0.2.1"}}).status(), 200);
  EXPECT_EQ(asked_.secret, std::nullopt);
  EXPECT_FALSE(asked_.offline);
  EXPECT_FALSE(asked_.fromLoopback);
}

TEST_F(TokenApiTest, PostHasThemInTheForm) {
  EXPECT_EQ(post("grant_type=password&username=me&password=a%2Bb+c&scope=repository%3Aa%3Apull"
                 "&service=h&client_id=x&access_type=offline")
                .status(),
            200);
  EXPECT_EQ(asked_.secret, "a+b c");
  EXPECT_TRUE(asked_.offline);
  EXPECT_EQ(textOf(asked_.scopes), "repository:a:pull");
  EXPECT_EQ(post("grant_type=refresh_token&refresh_token=R").status(), 200);
  EXPECT_EQ(asked_.refreshToken, "R");
  EXPECT_EQ(asked_.secret, std::nullopt);
  EXPECT_EQ(post("grant_type=password", {{"Authorization", "Basic bWU6c2VjcmV0"}}).status(), 200);
  EXPECT_EQ(asked_.secret, "secret");
}

TEST_F(TokenApiTest, WrongCredentialsAre401) {
  known_ = false;
  const Answer wrong = ask("GET", "/token", {{"Authorization", "Basic bWU6"}});
  EXPECT_EQ(asked_.secret, "");  // was given, and is not right
  EXPECT_EQ(outcomeOf(wrong), "401 UNAUTHORIZED");
  EXPECT_THAT(wrong.body, HasSubstr("nobody knows you"));
  EXPECT_EQ(wrong.header("WWW-Authenticate"), "Basic realm=\"fairlead\"");
  EXPECT_EQ(outcomeOf(post("grant_type=password&password=x")), "401 UNAUTHORIZED");
  EXPECT_EQ(outcomeOf(ask("GET", "/token", {{"Authorization", "Basic !!"}})), "401 UNAUTHORIZED");
}

TEST_F(TokenApiTest, WhatIsNotRightIs400) {
  for (const char* path : {"/token?scope=repository", "/token?scope=repository:A:pull", "/token?scope=%zz"})
    EXPECT_EQ(outcomeOf(ask("GET", path)), "400 TOKEN_REQUEST_INVALID") << path;
  for (const char* form : {"", "grant_type=password", "grant_type=refresh_token", "grant_type=code", "a=%",
                           "grant_type=password&password=x&scope=x"})
    EXPECT_EQ(outcomeOf(post(form)), "400 TOKEN_REQUEST_INVALID") << form;
  EXPECT_EQ(outcomeOf(ask("POST", "/token", {{"Content-Type", "text/plain"}}, "x")),
            "400 TOKEN_REQUEST_INVALID");
  EXPECT_EQ(outcomeOf(post(std::string(40'000, 'a'))), "400 TOKEN_REQUEST_INVALID");
  EXPECT_EQ(outcomeOf(ask("PUT", "/token")), "405 UNSUPPORTED");
  EXPECT_THAT(ask("GET", "/token?scope=x").body, HasSubstr("repository:NAME:pull,push,delete"));
}

}  // namespace
}  // namespace registry
