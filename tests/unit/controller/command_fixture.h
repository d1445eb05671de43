// A command set over real stores, with containers and processes that are made up.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controller/backup.h"
#include "controller/command_set.h"
#include "controller/cron_scheduler.h"
#include "tests/support/fake_one_offs.h"
#include "tests/unit/controller/controller_test.h"

namespace controller {

class Text : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text += bytes; }
  std::string text;
};

struct Answer {
  int code;
  std::string out;
  std::string err;
};

class CommandFixture : public ControllerTest {
 protected:
  Answer run(const std::vector<std::string>& argv, const std::string& input = "") {
    return runWith(local("ada"), argv, input);
  }
  Answer runWith(const Identity& caller, const std::vector<std::string>& argv,
                 const std::string& input = "") {
    Text out, err;
    const int code = commands_.run(
        caller, argv,
        {.out = out, .err = err, .save = nullptr, .input = input, .defaultApp = "", .stop = {}});
    return {code, out.text, err.text};
  }

  store::Release current(const std::string& app) {
    return store_.currentRelease(store_.getApp(store::AppName::parse(app)).id);
  }
  store::Digest lowestLayerRunning() const { return engine_.deployments().back().layers[0].blob.digest; }

  /// As a push would leave it: a slug with one layer, released and launched.
  void deploySlug(const std::string& appName,
                  const std::vector<store::CronEntry>& cron = {{"0 3 * * *", "bin/clean"}}) {
    const store::App app = store_.getApp(store::AppName::parse(appName));
    if (!store_.findStack(app.stack)) putStack(app.stack, "base");
    const store::Build build = store_.createBuild(
        {.app = app.id, .commit = std::string(40, 'a'), .ref = "refs/heads/main", .user = "ada"});
    const store::Slug slug = store_.createSlug({.app = app.id,
                                                .commit = build.commit,
                                                .stack = app.stack,
                                                .buildpack = "Test",
                                                .layers = {layer("slug")},
                                                .processTypes = {{"web", "serve"}, {"worker", "work"}},
                                                .defaultConfig = {{"FROM_BUILDPACK", "default"}},
                                                .cron = store::cronText(cron)});
    const store::Release release = releases_.create(app, {.description = "Deploy aaaaaaaa",
                                                          .user = "ada",
                                                          .slug = slug.id,
                                                          .config = std::nullopt,
                                                          .succeededBuild = build.id});
    releases_.launch(app, release, [](std::string_view) {});
  }

  Deployer deployer_{
      {}, {folder_, urls_, store_, blobs_, layers_, builder_, stacks_, releases_, locks_, limits_, clock_}};
  UrlSigner signer_{folder_.root() / "url_key", std::chrono::hours(1), clock_};
  SourceStore sources_{folder_.sources(), {}, signer_, clock_};
  const BuildView buildView_{store_, signer_, urls_};
  store::DiskBlobStore diskBlobs_{folder_.blobs()};
  Collection collection_{{.retention = {}, .interval = {}}, store_, diskBlobs_, layers_};
  Scrubbing scrubbing_{{.interval = {}, .stateFile = {}}, store_, diskBlobs_, clock_};
  store::PublicationStore publications_{store_};
  registry::RegistryCredentials credentials_{folder_.registryLogins()};
  registry::WebOptions web_;
  ImagePublisher publisher_{{}, {store_, publications_, blobs_, credentials_, log_, clock_}};
  bool stopped_ = false;
  const Accounts keysAndTokens_{store_, accounts_, access_, clock_};
  Backups backups_{{folder_, store_, diskBlobs_, collection_, clock_}};
  testing_support::FakeOneOffs oneOffs_;
  CronBook cronBook_{store_, 100};
  CronScheduler cron_{{}, {cronBook_, store_, releases_, oneOffs_, log_, clock_}};
  CommandSet commands_{{folder_,
                        urls_,
                        store_,
                        accounts_,
                        access_,
                        keysAndTokens_,
                        deployer_,
                        releases_,
                        stacks_,
                        engine_,
                        log_,
                        runtime_,
                        trees_,
                        locks_,
                        collection_,
                        scrubbing_,
                        publisher_,
                        publications_,
                        credentials_,
                        web_,
                        limits_,
                        sources_,
                        buildView_,
                        clock_,
                        [this](bool) { stopped_ = true; },
                        {.volumeFolders = {folder_.root()}},
                        &oneOffs_,
                        nullptr,
                        nullptr,
                        &backups_,
                        nullptr,
                        nullptr,
                        &cron_}};
};

}  // namespace controller
