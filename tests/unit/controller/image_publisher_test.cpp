#include "controller/image_publisher.h"

#include <gmock/gmock.h>

#include <memory>

#include "base/error.h"
#include "tests/support/byte_streams.h"
#include "tests/support/fake_registry.h"
#include "tests/unit/controller/controller_test.h"

namespace controller {
namespace {

using store::PublicationState;
using ::testing::HasSubstr;

class ImagePublisherTest : public ControllerTest {
 protected:
  ImagePublisherTest() { std::filesystem::create_directories(folder_.keys()); }

  void start(const std::string& publishTo = "") {
    publisher_ = std::make_unique<ImagePublisher>(
        PublisherConfig{.publishTo = publishTo,
                        .firstPause = std::chrono::milliseconds(20),
                        .giveUp = std::chrono::days(36500)},
        PublisherParts{store_, publications_, blobs_, credentials_, log_, system_});
    releases_.onServing(
        [this](const store::App& app, const store::Release& release) { publisher_->released(app, release); });
  }
  store::App makeApp(const std::string& name) {
    if (!store_.findStack("debian-12")) putStack("debian-12", "base");
    return store_.createApp({.name = store::AppName::parse(name), .stack = "debian-12", .owner = "ada"});
  }
  store::Release deploy(const store::App& app, const std::string& content) {
    const store::Slug slug = store_.createSlug({.app = app.id,
                                                .commit = std::string(40, 'a'),
                                                .stack = "debian-12",
                                                .buildpack = "Test",
                                                .layers = {layer(content)},
                                                .processTypes = {{"web", "serve"}},
                                                .defaultConfig = {}});
    const auto release = releases_.create(app, {.description = "Deploy",
                                                .user = "ada",
                                                .slug = slug.id,
                                                .config = std::nullopt,
                                                .succeededBuild = std::nullopt});
    return releases_.launch(app, release, [](std::string_view) {}).release;
  }
  store::Publication outcome(const store::Release& release) {
    const auto jobs = publications_.ofRelease(release.id);
    if (jobs.size() != 1) throw base::Error(base::Errc::notFound, "not one job");
    return publisher_->watch(jobs[0].id, output_, {});
  }

  base::SystemClock system_;  // the thread waits by it; the rows have the other one's times
  testing_support::FakeRegistry remote_;
  store::PublicationStore publications_{store_};
  registry::RegistryCredentials credentials_{folder_.registryLogins()};
  testing_support::StringSink output_;
  std::unique_ptr<ImagePublisher> publisher_;
};

TEST_F(ImagePublisherTest, EachReleaseThatServesGoesThere) {
  start(remote_.host() + "/team");
  const store::App app = makeApp("hello");
  const store::Release release = deploy(app, "one");
  EXPECT_EQ(outcome(release).state, PublicationState::succeeded);
  EXPECT_EQ(store::Digest::of(remote_.manifests["v2"].second), *release.manifest);
  EXPECT_EQ(remote_.manifests["latest"], remote_.manifests["v2"]);
  EXPECT_EQ(remote_.manifests["git-aaaaaaaaaaaa"], remote_.manifests["v2"]);
  EXPECT_THAT(remote_.log.back(), HasSubstr("PUT /v2/team/hello/manifests/latest"));
  const auto sent = remote_.count("PUT /v2/team/app/blobs");
  EXPECT_EQ(outcome(deploy(app, "two")).state, PublicationState::succeeded);
  EXPECT_EQ(remote_.count("PUT /v2/team/app/blobs"), sent + 2) << "the new layer and the config";
}

TEST_F(ImagePublisherTest, AnAppsOwnSettingWins) {
  start("elsewhere.example/all");
  const store::App app = makeApp("hello");
  EXPECT_EQ(publisher_->target(app), "elsewhere.example/all/hello");
  store_.changeSettings(app.id, {{kPublishSetting, "r.example/mine"}});
  EXPECT_EQ(publisher_->target(app), "r.example/mine");
  store_.changeSettings(app.id, {{kPublishSetting, "none"}});
  EXPECT_EQ(publisher_->target(app), std::nullopt);
  const store::Release release = deploy(app, "one");
  EXPECT_TRUE(publications_.ofRelease(release.id).empty());
}

TEST_F(ImagePublisherTest, TriesAgainWhileTheRegistryFails) {
  remote_.failing = 7;
  start(remote_.host() + "/team");
  const auto done = outcome(deploy(makeApp("hello"), "one"));
  EXPECT_EQ(done.state, PublicationState::succeeded);
  EXPECT_GT(done.attempts, 1);
  EXPECT_THAT(output_.text, HasSubstr("-----> Publishing v2 to " + remote_.host() + "/team/hello"));
}

TEST_F(ImagePublisherTest, GivesUpWhereAPersonHasToDoSomething) {
  remote_.challenge = "Basic realm=\"x\"";
  start(remote_.host() + "/team");
  const store::App app = makeApp("hello");
  const store::Release release = deploy(app, "one");
  const auto failed = outcome(release);
  EXPECT_EQ(failed.state, PublicationState::failed);
  EXPECT_THAT(failed.message, HasSubstr("fairlead registries:add " + remote_.host()));
  remote_.good = {"Basic bWU6c2VjcmV0"};
  credentials_.put(remote_.host(), {"me", "secret", ""});
  publisher_->publish(release, failed.target);
  EXPECT_EQ(outcome(release).state, PublicationState::succeeded);
}

TEST_F(ImagePublisherTest, MountsWhatAnotherRepositoryThereHas) {
  start(remote_.host() + "/team");
  outcome(deploy(makeApp("first"), "one"));
  remote_.log.clear();
  remote_.blobs.clear();
  outcome(deploy(makeApp("second"), "two"));
  EXPECT_EQ(remote_.count("from=team/first"), 2u) << "the base image's layer and the start layer";
}

TEST_F(ImagePublisherTest, AnotherProcessGoesOnWithWhatIsLeft) {
  start();
  const store::App app = makeApp("hello");
  const store::Release release = deploy(app, "one");
  EXPECT_TRUE(publications_.ofRelease(release.id).empty());
  publisher_.reset();
  // The release serves already when publishing is switched on, or the kill came before the row.
  start(remote_.host() + "/team");
  publisher_->requestMissing();
  EXPECT_EQ(outcome(release).state, PublicationState::succeeded);
  publisher_.reset();
  const auto job = publications_.request(release.id, remote_.host() + "/team/other");
  start();
  EXPECT_EQ(publisher_->watch(job.id, output_, {}).state, PublicationState::succeeded);
}

}  // namespace
}  // namespace controller
