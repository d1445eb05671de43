// What the routes do.
#include "controller/recovery.h"
#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ApiTest, AppsAreMadeListedAndRemoved) {
  const Answer made = ask("POST", "/apps", R"({"name": "hello", "region": "us"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.at("owner.email"), "ada");
  EXPECT_EQ(made.at("git_url"), "ssh://git@localhost:2222/hello.git");
  EXPECT_TRUE(std::filesystem::is_directory(folder_.repository(store::AppName::parse("hello"))));
  EXPECT_EQ(ask("POST", "/apps").status, 201) << "a name is found";
  const Answer taken = ask("POST", "/apps", R"({"name": "hello"})");
  EXPECT_EQ(taken.status, 422);
  EXPECT_EQ(taken.at("id"), "invalid_params");
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "../x"})").status, 422);
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "h\u0435llo"})").status, 422) << "Cyrillic";
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "x", "stack": "nosuch"})").status, 404);
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "x", "region": "mars"})").status, 422);
  EXPECT_THAT(get("/apps").each("name"), ::testing::Contains("hello"));
  EXPECT_EQ(get("/users/~/apps").each("name").size(), 2u);
  EXPECT_EQ(get("/apps/" + made.at("id")).at("name"), "hello") << "by id";
  EXPECT_EQ(ask("DELETE", "/apps/hello").at("name"), "hello");
  EXPECT_EQ(get("/apps/hello").status, 404);
  EXPECT_EQ(get("/apps/hello/releases").status, 404);
}

TEST_F(ApiTest, AChangeOfConfigVarsIsOneRelease) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const Answer set = ask("PATCH", "/apps/hello/config-vars", R"({"A": "1", "B": "zwei ä", "C": ""})");
  EXPECT_EQ(set.status, 200);
  EXPECT_EQ(set.at("B"), "zwei ä");
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 2);
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", R"({"A": null, "B": "2", "NOSUCH": null})").body,
            R"({"B":"2","C":""})");
  EXPECT_EQ(get("/apps/hello/releases/3").at("description"), "Set B and unset A, NOSUCH config vars");
  EXPECT_EQ(get("/apps/hello/releases/v2/config-vars").at("A"), "1");
  ask("PATCH", "/apps/hello/config-vars", R"({"B": "2"})");
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 3) << "nothing changed";
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", R"({"A-B": "1"})").status, 422);
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", R"({"A": 1})").at("message"),
            "A must be a string or null");
  EXPECT_EQ(ask("PATCH", "/apps/hello/config-vars", "{\"A\": \"" + std::string(100'000, 'x') + "\"}").status,
            422);
  EXPECT_EQ(store_.currentRelease(app().id).version.number, 3);
}

TEST_F(ApiTest, ReleasesComeInPages) {
  ask("POST", "/apps", R"({"name": "hello"})");
  for (int i = 0; i < 11; ++i)
    ask("PATCH", "/apps/hello/config-vars", "{\"N\": \"" + std::to_string(i) + "\"}");
  EXPECT_EQ(get("/apps/hello/releases").each("version").size(), 12u);
  const Answer newest = get("/apps/hello/releases", {{"Range", "version ..; max=3, order=desc"}});
  EXPECT_EQ(newest.status, 206);
  EXPECT_THAT(newest.each("version"), ElementsAre("12", "11", "10"));
  EXPECT_THAT(newest.each("current"), ElementsAre("true", "false", "false"));
  EXPECT_EQ(newest.headers.at("Content-Range"), "version 12..10; max=3, order=desc");
  EXPECT_EQ(newest.headers.at("Next-Range"), "version ]10..; max=3, order=desc");
  EXPECT_EQ(newest.headers.at("Accept-Ranges"), "version, id");
  const Answer next = get("/apps/hello/releases", {{"Range", newest.headers.at("Next-Range")}});
  EXPECT_THAT(next.each("version"), ElementsAre("9", "8", "7"));
  const Answer last = get("/apps/hello/releases", {{"Range", "version ]3..; max=3,order=desc"}});
  EXPECT_EQ(last.status, 200);
  EXPECT_THAT(last.each("version"), ElementsAre("2", "1"));
  EXPECT_THAT(get("/apps/hello/releases", {{"Range", "version 3..5"}}).each("version"),
              ElementsAre("3", "4", "5"));
  EXPECT_EQ(get("/apps/hello/releases", {{"Range", "id ..; max=5"}}).each("version").size(), 5u);
  for (const std::string ended : {"version ..; max=5;", "version ..; max=5; order=asc;"})
    EXPECT_EQ(get("/apps/hello/releases", {{"Range", ended}}).each("version").size(), 5u) << ended;
  for (const std::string bad : {"version", "nosuch ..", "version ..; max=0", "version ..; max=x",
                                "version 1-2", "version ..; order=up", "version ..; what=1"}) {
    const Answer refused = get("/apps/hello/releases", {{"Range", bad}});
    EXPECT_EQ(refused.status, bad == "version" ? 200 : 422) << bad;
  }
}

TEST_F(ApiTest, RollingBackAppendsARelease) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const store::Slug slug = deploy();
  ask("PATCH", "/apps/hello/config-vars", R"({"A": "1"})");
  const Answer back = ask("POST", "/apps/hello/releases",
                          "{\"release\": \"" + get("/apps/hello/releases/2").at("id") + "\"}");
  EXPECT_EQ(back.status, 201) << back.body;
  EXPECT_EQ(back.at("version"), "4");
  EXPECT_EQ(back.at("slug.id"), slug.uuid);
  EXPECT_EQ(back.at("eligible_for_rollback"), "true");
  EXPECT_EQ(get("/apps/hello/config-vars").body, "{}");
  EXPECT_EQ(ask("POST", "/apps/hello/releases", R"({"release": "v1"})").status, 422) << "no slug";
  EXPECT_EQ(ask("POST", "/apps/hello/releases", R"({"release": "v77"})").status, 404);
  engine_.failNext({"web.1", "exited with status 1", {}});
  const Answer failed = ask("PATCH", "/apps/hello/config-vars", R"({"A": "2"})");
  EXPECT_EQ(failed.status, 409);
  EXPECT_THAT(failed.at("message"), HasSubstr("release v5 failed: web.1 exited with status 1"));
  EXPECT_EQ(get("/apps/hello/releases/5").at("status"), "failed");
  EXPECT_EQ(get("/apps/hello/config-vars").body, "{}");
}

TEST_F(ApiTest, TheReleaseCommandRunsBeforeTheProcessesAndItsOutputIsKept) {
  ask("POST", "/apps", R"({"name": "hello"})");
  ask("PATCH", "/apps/hello/config-vars", R"({"KEY": "a-secret-value"})");
  oneOffs_.output = "migrating with a-secret-value\nno end of line";
  deploy("hello", {{"web", "serve"}, {"release", "migrate"}});
  const runner::OneOff asked = oneOffs_.asked().at(0);
  EXPECT_THAT(asked.command, ElementsAre("release"));
  EXPECT_EQ(asked.deployment.release.number, 3);
  EXPECT_THAT(get("/apps/hello/formation").each("type"), ElementsAre("web"));
  EXPECT_EQ(ask("PATCH", "/apps/hello/formation/release", R"({"quantity": 1})").status, 422);
  std::string url = get("/apps/hello/releases/3").at("output_stream_url");
  ASSERT_THAT(url, StartsWith("http://"));
  url = url.substr(url.find('/', 7));
  const Answer output = send("GET", url, "", {});
  EXPECT_EQ(output.status, 200);
  EXPECT_THAT(output.body, StartsWith("migrating with "));
  EXPECT_THAT(output.body, ::testing::EndsWith("\nno end of line"));
  EXPECT_THAT(output.body, ::testing::Not(HasSubstr("a-secret-value")));
  EXPECT_EQ(send("GET", url + "x", "", {}).status, 403);
  EXPECT_EQ(get("/apps/hello/releases/2").at("output_stream_url"), "") << "it had no slug";
  EXPECT_EQ(get("/apps/hello/releases/2/output").status, 404);

  const std::size_t launched = engine_.deployments().size();
  oneOffs_.exitCode = 3;
  oneOffs_.output = "no such table\n";
  const Answer failed = ask("PATCH", "/apps/hello/config-vars", R"({"B": "2"})");
  EXPECT_EQ(failed.status, 409);
  EXPECT_THAT(failed.at("message"), HasSubstr("release v4 failed: release.1 exited with status 3"));
  EXPECT_EQ(engine_.deployments().size(), launched) << "the old ones serve on";
  EXPECT_EQ(get("/apps/hello/releases/4").at("status"), "failed");
  EXPECT_EQ(get("/apps/hello/releases/4/output").body, "no such table\n");
  EXPECT_FALSE(get("/apps/hello/config-vars").json()->has("B"));
}

TEST_F(ApiTest, ASlugIsDownloadedByItsSignedUrl) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const store::Slug slug = deploy();
  const Answer shown = get("/apps/hello/slugs/" + slug.uuid);
  EXPECT_EQ(shown.at("checksum"), "SHA256:" + base::Digest::of(layerBytes_).hex());
  EXPECT_EQ(shown.at("size"), std::to_string(layerBytes_.size()));
  std::string url = shown.at("blob.url");
  ASSERT_THAT(url, StartsWith("http://"));
  url = url.substr(url.find('/', 7));
  const Answer whole = send("GET", url, "", {});
  EXPECT_EQ(whole.body, layerBytes_);
  EXPECT_EQ(whole.headers.at("ETag"), "\"" + base::Digest::of(layerBytes_).str() + "\"");
  EXPECT_EQ(send("GET", url, "", {{"Range", "bytes=4-8"}}).body, "bytes");
  EXPECT_EQ(send("HEAD", url, "", {}).headers.at("Content-Length"), std::to_string(layerBytes_.size()));
  EXPECT_EQ(send("GET", url + "0", "", {}).status, 403);
  EXPECT_EQ(send("GET", url.substr(0, url.find('?')), "", {}).status, 401);
  EXPECT_EQ(get(url.substr(0, url.find('?'))).body, layerBytes_) << "with a token";
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(send("GET", url, "", {}).at("id"), "forbidden");
  EXPECT_EQ(get("/apps/hello/slugs/nosuch").status, 404);
  ask("POST", "/apps", R"({"name": "other"})");
  EXPECT_EQ(get("/apps/other/slugs/" + slug.uuid).status, 404) << "of another app";
}

TEST_F(ApiTest, ASlugIsPromotedToAnotherApp) {
  ask("POST", "/apps", R"({"name": "hello"})");
  ask("POST", "/apps", R"({"name": "other"})");
  const store::Slug slug = deploy();
  const Answer promoted = ask("POST", "/apps/other/releases", "{\"slug\": \"" + slug.uuid + "\"}");
  ASSERT_EQ(promoted.status, 201) << promoted.body;
  EXPECT_EQ(promoted.at("description"), "Promote hello aaaaaaaa");
  EXPECT_EQ(promoted.at("commit"), slug.commit);
  EXPECT_EQ(store_.formation(app("other").id), (store::Formation{{"web", 1}, {"worker", 0}}));
  EXPECT_TRUE(store_.blobSize(store::RepositoryName::parse("other"), slug.layers[0].blob.digest))
      << "its images can be pulled";
  ask("DELETE", "/apps/hello");
  EXPECT_EQ(get("/apps/other/slugs/" + promoted.at("slug.id")).status, 200);
  EXPECT_EQ(ask("POST", "/apps/other/releases", "{\"slug\": \"" + slug.uuid + "\"}").status, 404);
  EXPECT_EQ(ask("POST", "/apps/other/releases", "{}").status, 422);
}

TEST_F(ApiTest, ProcessesAreScaledInOneStep) {
  ask("POST", "/apps", R"({"name": "hello"})");
  EXPECT_EQ(get("/apps/hello/formation").body, "[]");
  EXPECT_EQ(ask("PATCH", "/apps/hello/formation/web", R"({"quantity": 1})").status, 409)
      << "nothing deployed";
  deploy();
  const Answer scaled =
      ask("PATCH", "/apps/hello/formation",
          R"({"updates": [{"type": "web", "quantity": "2"}, {"type": "worker", "quantity": 3}]})");
  EXPECT_THAT(scaled.each("quantity"), ElementsAre("2", "3")) << scaled.body;
  EXPECT_EQ(ask("PATCH", "/apps/hello/formation/worker", R"({"quantity": "-1"})").at("quantity"), "2");
  EXPECT_EQ(get("/apps/hello/formation/web").at("command"), "serve");
  EXPECT_EQ(ask("PATCH", "/apps/hello/formation",
                R"({"updates": [{"type": "web", "quantity": 5}, {"type": "x", "quantity": 1}]})")
                .status,
            404);
  for (const std::string bad : {"true", "1.5", "\"x\"", "null", "[]", "101", "\"--1\""})
    EXPECT_EQ(ask("PATCH", "/apps/hello/formation/web", "{\"quantity\": " + bad + "}").status, 422) << bad;
  EXPECT_THAT(ask("PATCH", "/apps/hello/formation/web", R"({"size": "2X"})").at("message"),
              HasSubstr("there is no size"));
  EXPECT_EQ(get("/apps/hello/formation/web").at("quantity"), "2") << "all or nothing";
  EXPECT_THAT(get("/apps/hello/dynos").each("name"), ElementsAre("web.1", "web.2", "worker.1", "worker.2"));
  EXPECT_EQ(get("/apps/hello/dynos/web.1").at("state"), "up");
  EXPECT_EQ(get("/apps/hello/dynos/web.7").status, 404);
  EXPECT_EQ(ask("DELETE", "/apps/hello/dynos").status, 202);
  EXPECT_EQ(ask("DELETE", "/apps/hello/dynos/web.1").status, 202);
  EXPECT_EQ(ask("DELETE", "/apps/hello/formations/nosuch").status, 404);
}

TEST_F(ApiTest, ACommandRunsOnceAsItIsTyped) {
  ask("POST", "/apps", R"({"name": "hello"})");
  EXPECT_EQ(ask("POST", "/apps/hello/dynos", R"({"command": "ls"})").status, 409) << "nothing deployed";
  deploy();
  const Answer made = ask("POST", "/apps/hello/dynos",
                          R"({"command": "echo $A | wc -c", "attach": false, "env": {"A": "b", "LINES": 24},
                              "force_no_tty": null, "size": "Standard", "time_to_live": 60})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.at("name"), "run.1");
  EXPECT_EQ(made.at("command"), "echo $A | wc -c");
  EXPECT_EQ(made.at("attach_url"), "");
  const runner::OneOff asked = oneOffs_.asked().at(0);
  EXPECT_THAT(asked.command, ElementsAre("/bin/bash", "-c", "echo $A | wc -c"));
  EXPECT_EQ(asked.environment, (store::ConfigVars{{"A", "b"}, {"LINES", "24"}}));
  EXPECT_EQ(asked.timeout, std::chrono::seconds(60));
  ask("POST", "/apps/hello/dynos", R"({"command": "worker --once ; true"})");
  EXPECT_EQ(oneOffs_.asked().at(1).command.at(2), "/fairlead/start worker --once ; true") << "a process type";
  for (const std::string bad :
       {R"({})", R"({"command": " "})", R"({"command": "ls", "attach": true})", R"({"command": 1})",
        R"({"command": "ls", "size": "2X"})", R"({"command": "ls", "type": "web"})",
        R"({"command": "ls", "env": {"A": []}})", R"({"command": "ls", "env": {"A=B": "c"}})",
        R"({"command": "ls", "time_to_live": 0})"})
    EXPECT_EQ(ask("POST", "/apps/hello/dynos", bad).status, 422) << bad;
  EXPECT_THAT(get("/apps/hello/dynos").each("name"), ElementsAre("run.1", "run.2", "web.1"));
  EXPECT_EQ(ask("POST", "/apps/hello/dynos/run.1/actions/stop").status, 202);
  EXPECT_EQ(ask("DELETE", "/apps/hello/dynos/run.2").status, 202) << "none takes its place";
  runner::OneOff cron = asked;
  cron.type = "cron";
  cron.number = 17;
  oneOffs_.runDetached(cron);
  EXPECT_EQ(ask("DELETE", "/apps/hello/dynos/cron.17").status, 202);
  EXPECT_THAT(get("/apps/hello/dynos").each("name"), ElementsAre("web.1"));
  EXPECT_EQ(ask("POST", "/apps/hello/dynos/web.1/actions/stop").status, 202);
  EXPECT_EQ(ask("POST", "/apps/hello/formations/web/actions/stop").status, 202);
  EXPECT_THAT(engine_.stopped(), ElementsAre("web.1", "web"));
  EXPECT_EQ(ask("POST", "/apps/hello/dynos/run.9/actions/stop").status, 404);
}

TEST_F(ApiTest, AttachingWithoutARendezvousNamesTheSetting) {
  ask("POST", "/apps", R"({"name": "hello"})");
  deploy();
  const Answer refused = ask("POST", "/apps/hello/dynos", R"({"command": "ls", "attach": true})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.at("message"), HasSubstr("rendezvous_listen"));
}

TEST_F(ApiTest, LogsComeByAUrlAsTextOrAsEvents) {
  ask("POST", "/apps", R"({"name": "hello"})");
  log_.append(app().name, "deploy", "line one");
  const Answer session = ask("POST", "/apps/hello/log-sessions", R"({"lines": 1, "tail": false})");
  ASSERT_EQ(session.status, 201) << session.body;
  std::string url = session.at("logplex_url");
  url = url.substr(url.find('/', 7));
  EXPECT_THAT(send("GET", url, "", {}).body, ::testing::EndsWith("fairlead[deploy]: line one\n"));
  const Answer events = send("GET", url, "", {{"Accept", "text/event-stream"}});
  EXPECT_THAT(events.body, StartsWith("id: 2\ndata: ")) << "its number in the app's log";
  EXPECT_EQ(send("GET", url, "", {{"Accept", "text/event-stream"}, {"Last-Event-ID", "2"}}).body, "");
  EXPECT_THAT(send("GET", url, "", {{"Accept", "text/event-stream"}, {"Last-Event-ID", "0"}}).body,
              StartsWith("id: 1\ndata: "));
  EXPECT_THAT(events.body, ::testing::EndsWith("line one\n\n"));
  EXPECT_EQ(send("GET", url + "0", "", {}).status, 403);
  std::string more = url;
  more.replace(more.find("sessions/1/"), 11, "sessions/9/");
  EXPECT_EQ(send("GET", more, "", {}).status, 403) << "the signature is for what was asked";
  EXPECT_EQ(ask("POST", "/apps/hello/log-sessions", R"({"dyno": "../x"})").status, 422);
}

TEST_F(ApiTest, BuildpacksAndFeaturesAreSet) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const Answer set =
      ask("PUT", "/apps/hello/buildpack-installations",
          R"({"updates": [{"buildpack": "https://example.com/a.git"}, {"buildpack": "nodejs"}]})");
  EXPECT_THAT(set.each("ordinal"), ElementsAre("0", "1")) << set.body;
  EXPECT_EQ(get("/apps/hello/buildpack-installations").body, set.body);
  EXPECT_EQ(
      ask("PUT", "/apps/hello/buildpack-installations", R"({"updates": [{"buildpack": "file:///etc"}]})")
          .status,
      422);
  EXPECT_EQ(ask("PATCH", "/apps/hello/features/cancel-running", R"({"enabled": true})").at("enabled"),
            "true");
  EXPECT_THAT(get("/apps/hello/features").each("enabled"), ::testing::Contains("true"));
  EXPECT_EQ(ask("PATCH", "/apps/hello/features/nosuch", R"({"enabled": true})").status, 404);
}

TEST_F(ApiTest, ARenamedAppKeepsAllThatIsIts) {
  const std::string id = ask("POST", "/apps", R"({"name": "hello"})").at("id");
  const store::Slug slug = deploy();
  std::filesystem::create_directories(folder_.buildLogs(app().name));
  temp_.write(std::filesystem::relative(folder_.buildLog(app().name, 1), temp_.path()).string(), "log");
  const Answer renamed = ask("PATCH", "/apps/hello", R"({"name": "bonjour"})");
  ASSERT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(renamed.at("id"), id);
  EXPECT_EQ(renamed.at("web_url"), "http://bonjour.localhost:8080/");
  const store::AppName from = store::AppName::parse("hello");
  const store::AppName to = store::AppName::parse("bonjour");
  EXPECT_TRUE(std::filesystem::exists(folder_.repository(to) / "HEAD"));
  EXPECT_FALSE(std::filesystem::exists(folder_.repository(from)));
  EXPECT_TRUE(std::filesystem::exists(folder_.buildLog(to, 1)));
  EXPECT_EQ(engine_.deployments().back().app, to);
  EXPECT_THAT(engine_.removed(), ElementsAre("hello"));
  EXPECT_TRUE(store_.findManifestByTag(store::RepositoryName::parse("bonjour"), "v2"));
  EXPECT_FALSE(store_.findManifestByTag(store::RepositoryName::parse("hello"), "v2"));
  EXPECT_TRUE(store_.pendingRenames().empty());
  std::string logged;
  for (const auto& line : log_.read(to, {}))
    logged += line.text + "\n";
  EXPECT_THAT(logged, HasSubstr("app created by ada"));
  EXPECT_THAT(logged, HasSubstr("renamed from hello by ada"));
  EXPECT_EQ(ask("POST", "/apps", R"({"name": "hello"})").status, 201) << "the old name is free";
  EXPECT_EQ(log_.read(from, {}).size(), 1u) << "and has no lines of another";
  EXPECT_EQ(ask("PATCH", "/apps/bonjour", R"({"name": "hello"})").status, 422);
  EXPECT_EQ(ask("PATCH", "/apps/bonjour", R"({"name": "No"})").status, 422);
  engine_.failNext({"web.1", "exited with status 1", {}});
  EXPECT_EQ(ask("PATCH", "/apps/bonjour", R"({"name": "third"})").status, 409);
  EXPECT_EQ(get("/apps/bonjour").status, 200) << "nothing changed";
  EXPECT_THAT(engine_.removed().back(), "third");
}

TEST_F(ApiTest, ARenameThatWasKilledIsFinishedAtTheNextStart) {
  ask("POST", "/apps", R"({"name": "hello"})");
  const store::AppName to = store::AppName::parse("bonjour");
  store_.renameApp(app().id, to);  // and no further
  controller::recoverBuilds({folder_, store_, releases_, engine_, runtime_, locks_, log_, trees_});
  EXPECT_TRUE(std::filesystem::exists(folder_.repository(to) / "HEAD"));
  EXPECT_FALSE(std::filesystem::exists(folder_.repository(store::AppName::parse("hello"))));
  EXPECT_TRUE(store_.pendingRenames().empty());
  controller::recoverBuilds({folder_, store_, releases_, engine_, runtime_, locks_, log_, trees_});
  EXPECT_TRUE(std::filesystem::exists(folder_.repository(to) / "HEAD"));
}

}  // namespace
}  // namespace api
