// Who may do what in the registry: asked by itself, and over a live registry.
#include "controller/registry_access.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "registry/registry_handler.h"
#include "registry/token_api.h"
#include "store/account_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace controller {
namespace {

using registry::Action;
using registry::Decision;
using registry::Verdict;
using store::TokenKind;
using ::testing::HasSubstr;

class RegistryAccessTest : public ::testing::Test {
 protected:
  RegistryAccessTest() {
    accounts_.createUser("ada", store::Role::admin);
    const auto hello = store_.createApp({store::AppName::parse("hello"), "debian-12", "ada"}).id;
    store_.createApp({store::AppName::parse("other"), "debian-12", "ada"});
    add("full", {.kind = TokenKind::full});
    add("push", {.kind = TokenKind::push});
    add("pull", {.kind = TokenKind::pull});
    add("hello-push", {.kind = TokenKind::push, .app = hello});
    add("hello-pull", {.kind = TokenKind::pull, .app = hello});
    add("short", {.kind = TokenKind::pull, .expiresAt = clock_.now() + std::chrono::minutes(2)});
  }

  void add(const std::string& secret, store::NewToken token) {
    token.user = "ada";
    token.description = secret;
    token.secretHash = hashOfSecret(secret);
    ids_[secret] = store_.addToken(token).id;
  }
  static std::string basic(const std::string& secret) { return "Basic " + base::toBase64("me:" + secret); }

  Verdict judge(const std::string& authorization, Action action, const std::string& repository) {
    return decide(authorization, action, repository).verdict;
  }
  registry::Decision decide(const std::string& authorization, Action action, const std::string& repository) {
    return access_.judge(
        {.action = action, .repository = repository, .authorization = authorization, .fromLoopback = false});
  }
  /// The scope that is granted.
  std::string issue(const std::string& secret, const std::string& scope) {
    return registry::textOf(
        access_.issue({.secret = secret, .refreshToken = {}, .scopes = registry::parseScopes(scope)})
            .granted);
  }
  std::string bearer(const std::string& secret, const std::string& scope) {
    return "Bearer " +
           access_.issue({.secret = secret, .refreshToken = {}, .scopes = registry::parseScopes(scope)})
               .bearer;
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  store::ReleaseStore store_{folder_ / "fairlead.db", clock_};
  store::AccountStore accounts_{store_};
  TokenBook tokens_{store_, clock_};
  Bearers bearers_{folder_ / "key", clock_};
  Access rights_{store_, accounts_};
  RegistryAccess access_{{store_, rights_, tokens_, bearers_, clock_, AnonymousPull::loopback}};
  std::map<std::string, std::int64_t> ids_;
};

TEST_F(RegistryAccessTest, ATokensKindAndAppSayWhatItMay) {
  struct Row {
    const char* secret;
    const char* pull;  ///< of these repositories, what it may
    const char* push;
    bool list;
  };
  const char* const repositories[] = {"hello", "hello/web", "hello/web/x", "helloworld",
                                      "other", "other/web", "tools"};
  const Row rows[] = {
      {"full", "1111111", "1111111", true},        {"push", "1111111", "1111111", true},
      {"pull", "1111111", "0000000", true},        {"hello-push", "1110000", "0110000", false},
      {"hello-pull", "1110000", "0000000", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(judge(basic(row.secret), Action::check, ""), Verdict::allowed);
    EXPECT_EQ(judge(basic(row.secret), Action::list, "") == Verdict::allowed, row.list) << row.secret;
    for (std::size_t i = 0; i < std::size(repositories); ++i) {
      const std::string name = repositories[i];
      SCOPED_TRACE(std::string(row.secret) + " " + name);
      const auto verdict = [](char allowed) { return allowed == '1' ? Verdict::allowed : Verdict::denied; };
      EXPECT_EQ(judge(basic(row.secret), Action::pull, name), verdict(row.pull[i]));
      EXPECT_EQ(judge(basic(row.secret), Action::push, name), verdict(row.push[i]));
      EXPECT_EQ(judge(basic(row.secret), Action::remove, name), verdict(row.push[i]));
      EXPECT_EQ(judge(std::string("Bearer ") + row.secret, Action::push, name), verdict(row.push[i]));
      std::string granted;
      if (row.pull[i] == '1') granted = "repository:" + name + ":pull";
      if (row.push[i] == '1') granted = "repository:" + name + ":pull,push,delete";
      EXPECT_EQ(issue(row.secret, "repository:" + name + ":*"), granted);
    }
  }
}

TEST_F(RegistryAccessTest, AMembersTokenMayWhatItsUserMay) {
  const auto hello = store_.getApp(store::AppName::parse("hello")).id;
  for (const char* user : {"stranger", "viewer", "deployer"})
    accounts_.createUser(user, store::Role::member);
  accounts_.addCollaborator(hello, "viewer", store::Permission::view);
  accounts_.addCollaborator(hello, "deployer", store::Permission::deploy);
  struct Row {
    const char* user;
    TokenKind kind;
    const char* pull;  ///< of these repositories, what it may
    const char* push;
  };
  const char* const repositories[] = {"hello", "hello/web", "helloworld", "other", "other/web", "tools"};
  const Row rows[] = {
      {"stranger", TokenKind::full, "000000", "000000"},   {"viewer", TokenKind::full, "010000", "000000"},
      {"viewer", TokenKind::push, "010000", "000000"},     {"deployer", TokenKind::full, "110000", "110000"},
      {"deployer", TokenKind::pull, "110000", "000000"},   {"deployer", TokenKind::read, "010000", "000000"},
      {"deployer", TokenKind::deploy, "110000", "110000"}, {"ada", TokenKind::read, "010010", "000000"},
      {"ada", TokenKind::deploy, "111111", "111111"},
  };
  for (const Row& row : rows) {
    const std::string secret = std::string(row.user) + " " + std::string(name(row.kind));
    store_.addToken(
        {.user = row.user, .description = "", .secretHash = hashOfSecret(secret), .kind = row.kind});
    EXPECT_EQ(judge(basic(secret), Action::check, ""), Verdict::allowed);
    EXPECT_EQ(judge(basic(secret), Action::list, "") == Verdict::allowed, std::string(row.user) == "ada");
    for (std::size_t i = 0; i < std::size(repositories); ++i) {
      SCOPED_TRACE(secret + " " + repositories[i]);
      const auto verdict = [](char allowed) { return allowed == '1' ? Verdict::allowed : Verdict::denied; };
      EXPECT_EQ(judge(basic(secret), Action::pull, repositories[i]), verdict(row.pull[i]));
      EXPECT_EQ(judge(basic(secret), Action::mount, repositories[i]), verdict(row.pull[i]));
      EXPECT_EQ(judge(basic(secret), Action::push, repositories[i]), verdict(row.push[i]));
      EXPECT_EQ(judge(basic(secret), Action::remove, repositories[i]), verdict(row.push[i]));
    }
  }
  const auto judged = access_.judge(
      {.action = Action::pull, .repository = "hello/web", .authorization = basic("viewer full")});
  EXPECT_EQ(judged.user, "viewer");
  const std::string text = bearer("viewer full", "repository:hello/web:pull");
  EXPECT_EQ(judge(text, Action::pull, "hello/web"), Verdict::allowed);
  accounts_.removeCollaborator(hello, "viewer");
  EXPECT_EQ(judge(text, Action::pull, "hello/web"), Verdict::insufficient);
}

TEST_F(RegistryAccessTest, GrantsWhatIsAskedAndAllowed) {
  EXPECT_EQ(issue("full", "repository:a:push,pull"), "repository:a:pull,push");
  EXPECT_EQ(issue("full", "repository:a:fly registry:catalog:* registry:other:* plugin:a:pull"),
            "registry:catalog:*");
  EXPECT_EQ(issue("hello-pull", "repository:hello:pull,push repository:other:pull registry:catalog:*"),
            "repository:hello:pull");
  EXPECT_EQ(issue("full", ""), "");
}

TEST_F(RegistryAccessTest, ABearerIsForWhatItWasAskedFor) {
  const std::string text = bearer("full", "repository:a:pull");
  EXPECT_EQ(judge(text, Action::check, ""), Verdict::allowed);
  EXPECT_EQ(judge(text, Action::pull, "a"), Verdict::allowed);
  EXPECT_EQ(judge(text, Action::push, "a"), Verdict::insufficient);
  EXPECT_EQ(judge(text, Action::remove, "a"), Verdict::insufficient);
  EXPECT_EQ(judge(text, Action::pull, "b"), Verdict::insufficient);
  EXPECT_EQ(judge(text, Action::pull, "a/b"), Verdict::insufficient);
  EXPECT_EQ(judge(text, Action::list, ""), Verdict::insufficient);
  EXPECT_EQ(judge(bearer("full", "registry:catalog:*"), Action::list, ""), Verdict::allowed);
  EXPECT_EQ(judge(bearer("full", "repository:a:delete"), Action::remove, "a"), Verdict::allowed);
  clock_.advance(Bearers::kLifetime);
  EXPECT_EQ(judge(text, Action::pull, "a"), Verdict::logIn);
}

TEST_F(RegistryAccessTest, ATokenThatGoesTakesItsBearersAlong) {
  const std::string text = bearer("hello-push", "repository:hello/web:pull,push");
  const auto offline =
      access_.issue({.secret = "hello-push", .refreshToken = {}, .scopes = {}, .offline = true});
  EXPECT_EQ(judge(text, Action::push, "hello/web"), Verdict::allowed);
  const auto refreshed = access_.issue({.secret = {},
                                        .refreshToken = offline.refreshToken,
                                        .scopes = registry::parseScopes("repository:hello/web:push")});
  EXPECT_EQ(registry::textOf(refreshed.granted), "repository:hello/web:push");
  EXPECT_EQ(refreshed.refreshToken, offline.refreshToken);
  store_.removeToken(ids_["hello-push"]);
  EXPECT_EQ(judge(text, Action::push, "hello/web"), Verdict::logIn);
  EXPECT_THROW(access_.issue({.secret = {}, .refreshToken = offline.refreshToken, .scopes = {}}),
               base::Error);
}

TEST_F(RegistryAccessTest, ATokenWhoseTimeIsOverSaysSo) {
  const std::string text = bearer("short", "repository:a:pull");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(judge(text, Action::pull, "a"), Verdict::allowed);
  clock_.advance(std::chrono::minutes(1));
  for (const std::string& authorization : {text, basic("short"), std::string("Bearer short")}) {
    try {
      judge(authorization, Action::pull, "a");
      FAIL() << authorization;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Errc::unauthenticated);
      EXPECT_THAT(error.what(), HasSubstr("2026-01-31T12:02:00Z"));
    }
  }
  EXPECT_THROW(issue("short", ""), base::Error);
}

TEST_F(RegistryAccessTest, LetsLoopbackReadOnly) {
  const RegistryAccess closed({store_, rights_, tokens_, bearers_, clock_, AnonymousPull::none});
  for (const char* nothing : {"", "Basic Og=="}) {
    registry::AccessQuestion question{
        .action = Action::pull, .repository = "a", .authorization = nothing, .fromLoopback = true};
    EXPECT_EQ(access_.judge(question).verdict, Verdict::allowed);
    EXPECT_EQ(closed.judge(question).verdict, Verdict::logIn);
    for (const Action action : {Action::push, Action::remove, Action::check}) {
      question.action = action;
      EXPECT_EQ(access_.judge(question).verdict, Verdict::logIn);
    }
    question = {.action = Action::pull, .repository = "a", .authorization = nothing, .fromLoopback = false};
    EXPECT_EQ(access_.judge(question).verdict, Verdict::logIn);
  }
}

TEST_F(RegistryAccessTest, NobodysBearerReadsFromLoopbackOnly) {
  registry::TokenQuestion asked{.secret = {},
                                .refreshToken = {},
                                .scopes = registry::parseScopes("repository:a:pull,push"),
                                .offline = true,
                                .fromLoopback = true};
  const auto answer = access_.issue(asked);
  EXPECT_EQ(registry::textOf(answer.granted), "repository:a:pull");
  EXPECT_EQ(answer.refreshToken, "");
  registry::AccessQuestion question{.action = Action::pull,
                                    .repository = "a",
                                    .authorization = "Bearer " + answer.bearer,
                                    .fromLoopback = true};
  EXPECT_EQ(access_.judge(question).verdict, Verdict::allowed);
  question.action = Action::push;
  EXPECT_EQ(access_.judge(question).verdict, Verdict::insufficient);
  question.fromLoopback = false;
  for (const Action action : {Action::pull, Action::check}) {
    question.action = action;
    EXPECT_NE(access_.judge(question).verdict, Verdict::allowed);
  }
  asked.fromLoopback = false;
  EXPECT_THROW(access_.issue(asked), base::Error);
}

TEST_F(RegistryAccessTest, SaysWhoAsks) {
  EXPECT_EQ(decide(basic("full"), Action::pull, "a").user, "ada");
  EXPECT_EQ(decide(bearer("full", "repository:a:pull"), Action::pull, "a").user, "ada");
  EXPECT_EQ(decide("", Action::pull, "a").user, "");
  EXPECT_EQ(decide(basic("wrong"), Action::pull, "a").user, "");
}

TEST_F(RegistryAccessTest, TakesNoWrongCredentials) {
  for (const std::string& wrong :
       {basic("wrong"), basic(""), std::string("Bearer wrong"), std::string("Bearer a.b"),
        std::string("Basic"), std::string("Basic !!!"), std::string("Digest x")}) {
    EXPECT_EQ(
        access_
            .judge({.action = Action::pull, .repository = "a", .authorization = wrong, .fromLoopback = true})
            .verdict,
        Verdict::logIn)
        << wrong;
  }
  EXPECT_THROW(issue("wrong", ""), base::Error);
  EXPECT_THROW(issue("", ""), base::Error);
  EXPECT_THROW(
      access_.issue({.secret = {}, .refreshToken = bearers_.make({.token = ids_["full"]}), .scopes = {}}),
      base::Error);
}

/// With a registry that asks for a login everywhere.
class RegistryTokensTest : public RegistryAccessTest {
 protected:
  struct Answer {
    int status = 0;
    std::string body;
    std::string challenge;
  };
  Answer ask(const std::string& authorization, const std::string& method, const std::string& path,
             const std::string& body = "") {
    Poco::Net::HTTPClientSession session(Poco::Net::SocketAddress(server_->address()));
    Poco::Net::HTTPRequest request(method, path, "HTTP/1.1");
    if (!authorization.empty()) request.set("Authorization", authorization);
    if (method != "GET") request.setContentLength64(static_cast<std::int64_t>(body.size()));
    session.sendRequest(request) << body << std::flush;
    Poco::Net::HTTPResponse head;
    Answer answer;
    Poco::StreamCopier::copyToString(session.receiveResponse(head), answer.body);
    answer.status = head.getStatus();
    answer.challenge = head.get("WWW-Authenticate", "");
    return answer;
  }
  std::string push(const std::string& repository, const std::string& content) {
    const std::string digest = base::Digest::of(content).str();
    EXPECT_EQ(
        ask(basic("full"), "POST", "/v2/" + repository + "/blobs/uploads/?digest=" + digest, content).status,
        201);
    return digest;
  }
  /// As a client does it: the challenge says what to ask for.
  std::string bearerFor(const std::string& secret, const std::string& scope) {
    const Answer answer = ask(basic(secret), "GET", "/token?scope=" + scope);
    EXPECT_EQ(answer.status, 200);
    return "Bearer " + base::jsonString(base::parseJsonObject(answer.body, "the answer"), "token");
  }

  RegistryAccess closed_{{store_, rights_, tokens_, bearers_, clock_, AnonymousPull::none}};
  store::RegistryStore rows_{store_};
  store::DiskBlobStore blobs_{folder_ / "blobs"};
  store::UploadStore uploads_{rows_, blobs_, folder_ / "blobs/sessions", clock_};
  base::Metrics metrics_;
  registry::RegistryApi registry_{{store_, rows_, blobs_, uploads_, metrics_},
                                  [this](const auto& question) { return closed_.judge(question); }};
  registry::TokenApi tokenApi_{[this](const auto& question) { return closed_.issue(question); }};
  std::unique_ptr<base::HttpServer> server_ = base::HttpServer::onTcp(
      base::listenTcp("127.0.0.1:0", "http_listen"), [this](const base::HttpRequest& request) {
        return request.getURI().starts_with("/v2") ? registry_.handler(request) : tokenApi_.handler();
      });
};

TEST_F(RegistryTokensTest, ABlobIsReadThroughARepositoryThatHoldsItOnly) {
  const std::string digest = push("other/web", "secret of other");
  const std::string scopes = "repository:hello/web:pull,push+repository:other/web:pull";
  for (const std::string& mine : {basic("hello-push"), bearerFor("hello-push", scopes)}) {
    const int refused = mine.starts_with("Basic") ? 403 : 401;
    EXPECT_EQ(ask(mine, "GET", "/v2/other/web/blobs/" + digest).status, refused);
    EXPECT_EQ(ask(mine, "GET", "/v2/hello/web/blobs/" + digest).status, 404);
    // A manifest that names it opens nothing.
    const std::string manifest =
        R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
        digest + R"(","size":15},"layers":[]})";
    EXPECT_LT(ask(mine, "PUT", "/v2/hello/web/manifests/stolen", manifest).status, 500);
    EXPECT_EQ(ask(mine, "GET", "/v2/hello/web/blobs/" + digest).status, 404);
  }
}

TEST_F(RegistryTokensTest, AMountComesFromWhereItsCallerMayRead) {
  const std::string digest = push("other/web", "secret of other");
  const std::string path = "/v2/hello/web/blobs/uploads/?mount=" + digest;
  const std::string scopes = "repository:hello/web:pull,push+repository:other/web:pull";
  for (const std::string& mine : {basic("hello-push"), bearerFor("hello-push", scopes)}) {
    for (const char* from : {"", "&from=other/web", "&from=hello"})
      EXPECT_EQ(ask(mine, "POST", path + from).status, 202) << from;
    EXPECT_EQ(ask(mine, "GET", "/v2/hello/web/blobs/" + digest).status, 404);
  }
  // A mount need not name its source, so no bearer can be asked for it: the token counts.
  const std::string narrow = bearerFor("full", "repository:hello/web:pull,push");
  EXPECT_EQ(ask(narrow, "GET", "/v2/other/web/blobs/" + digest).status, 401);
  EXPECT_EQ(ask(narrow, "POST", path + "&from=other/web").status, 201);
  EXPECT_EQ(ask(narrow, "POST", path).status, 201);
  const std::string own = push("hello", "of hello");
  EXPECT_EQ(ask(basic("hello-push"), "POST", "/v2/hello/web/blobs/uploads/?mount=" + own).status, 201);
}

TEST_F(RegistryTokensTest, AChallengeLeadsToABearerThatDoes) {
  const std::string digest = push("tools/one", "content");
  const Answer refused = ask("", "GET", "/v2/tools/one/blobs/" + digest);
  EXPECT_EQ(refused.status, 401);
  const auto at = refused.challenge.find("scope=\"") + 7;
  const std::string scope = refused.challenge.substr(at, refused.challenge.find('"', at) - at);
  EXPECT_EQ(ask(bearerFor("pull", scope), "GET", "/v2/tools/one/blobs/" + digest).status, 200);
  const Answer more = ask(bearerFor("pull", scope), "DELETE", "/v2/tools/one/blobs/" + digest);
  EXPECT_EQ(more.status, 401);
  EXPECT_THAT(more.challenge, HasSubstr(R"(scope="repository:tools/one:delete",error="insufficient_scope")"));
  EXPECT_EQ(ask("", "GET", "/token?scope=" + scope).status, 401);
}

}  // namespace
}  // namespace controller
