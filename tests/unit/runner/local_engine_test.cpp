#include "runner/local_engine.h"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "base/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_router.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/runner/listening_runtime.h"

namespace runner {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

class LocalEngineTest : public testing::Test {
 protected:
  LocalEngineTest() {
    config_.stateFolder = folder_ / "processes";
    config_.port = runtime_.port();
    config_.drain = milliseconds(30);
    config_.stopGrace = std::chrono::seconds(1);
    config_.portTimeout = std::chrono::seconds(1);
    config_.workerCheck = milliseconds(50);
    config_.backoffFirst = milliseconds(20);
    config_.backoffLast = milliseconds(40);
    config_.poll = milliseconds(5);
    config_.sampleEvery = milliseconds(20);
    config_.node = "here";
    router_.onChange([this] { runtime_.addEvent("routes"); });
    restartDaemon();
  }

  /// A new daemon on what the old one left.
  void restartDaemon() {
    engine_.reset();
    engine_ = makeLocalEngine(
        config_, runtime_, router_, log_, [](const store::Layer&) { return std::filesystem::path("/layer"); },
        clock_);
  }

  Deployment deployment(int release, store::Formation formation) const {
    return {.app = app_,
            .release = {release},
            .layers = {store::Layer{{"", base::Digest::of("blob"), 4}, base::Digest::of("layer")}},
            .environment = {{"GREETING", "hello"}},
            .types = {{"web", "node server.js"}, {"worker", "node worker.js"}},
            .formation = std::move(formation)};
  }

  LaunchResult deploy(int release, store::Formation formation) {
    return engine_->deploy(deployment(release, std::move(formation)), {}, {});
  }

  void mustDeploy(int release, store::Formation formation) {
    const LaunchResult result = deploy(release, std::move(formation));
    ASSERT_TRUE(std::holds_alternative<Launched>(result)) << std::get<LaunchFailed>(result).reason;
  }

  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }

  /// Whether exactly these processes run, with nothing of old releases left.
  bool settlesAt(const std::vector<std::string>& names, int release) {
    return eventually([&] {
      std::vector<std::string> present;
      for (const ProcessStatus& process : engine_->processes(app_)) {
        if (process.state != ProcessState::up || process.release.number != release) return false;
        present.push_back(process.name);
      }
      return present == names && runtime_.running().size() == names.size();
    });
  }

  std::vector<std::string> backends() const { return router_.backends("hello.localhost"); }

  std::vector<std::string> events(std::size_t from) const {
    auto all = runtime_.events();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from));
    return all;
  }

  bool logHas(const std::string& text) {
    for (const LogLine& line : log_.read(app_, {.source = "fairlead"})) {
      if (line.text.find(text) != std::string::npos) return true;
    }
    return false;
  }

  testing_support::TempFolder folder_;
  test::FakeClock clock_;
  test::ListeningRuntime runtime_;
  test::FakeRouter router_;
  AppLog log_{folder_ / "logs", clock_};
  LocalEngineConfig config_;
  store::AppName app_ = store::AppName::parse("hello");
  std::unique_ptr<Engine> engine_;
};

TEST_F(LocalEngineTest, FirstDeployRoutesToTheNewProcesses) {
  std::vector<std::string> progress;
  const auto result = engine_->deploy(deployment(2, {{"web", 2}, {"worker", 1}}),
                                      [&](std::string_view line) { progress.emplace_back(line); }, {});
  ASSERT_TRUE(std::holds_alternative<Launched>(result));
  EXPECT_TRUE(settlesAt({"web.1", "web.2", "worker.1"}, 2));
  EXPECT_THAT(backends(), SizeIs(2));
  EXPECT_THAT(progress, Contains("web.1 is up"));
  const auto processes = engine_->processes(app_);
  EXPECT_EQ(processes[0].command, "node server.js");
  EXPECT_THAT(backends(), Contains(processes[0].address));
  EXPECT_EQ(processes[2].address, "");
}

TEST_F(LocalEngineTest, ProcessesGetTheirCommandAndEnvironment) {
  mustDeploy(2, {{"web", 1}});
  const auto specs = runtime_.starts();
  ASSERT_THAT(specs, SizeIs(1));
  EXPECT_THAT(specs[0].argv, ElementsAre("/fairlead/start", "web"));
  EXPECT_THAT(specs[0].id, testing::MatchesRegex("hello\\.v2\\.web\\.1\\.[0-9a-f]{4}"));
  EXPECT_EQ(specs[0].hostname, "web-1");
  EXPECT_EQ(specs[0].workingDirectory, "/app");
  EXPECT_THAT(specs[0].layers, ElementsAre("/layer"));
  EXPECT_THAT(specs[0].environment, Contains(Pair("GREETING", "hello")));
  EXPECT_THAT(specs[0].environment, Contains(Pair("PORT", std::to_string(runtime_.port()))));
  EXPECT_THAT(specs[0].environment, Contains(Pair("DYNO", "web.1")));
  EXPECT_THAT(specs[0].environment, Contains(Pair("HOME", "/app")));
  EXPECT_THAT(specs[0].environment, Contains(Pair("PATH", HasSubstr("/usr/bin"))));
}

TEST_F(LocalEngineTest, NewReleaseTakesOverBeforeTheOldOneStops) {
  mustDeploy(2, {{"web", 1}});
  ASSERT_TRUE(settlesAt({"web.1"}, 2));
  const std::size_t before = runtime_.events().size();
  mustDeploy(3, {{"web", 1}});
  EXPECT_TRUE(settlesAt({"web.1"}, 3));
  EXPECT_THAT(events(before),
              ElementsAre("start web.1 v3", "routes", "signal web.1 v2 15", "remove web.1 v2"));
  EXPECT_THAT(backends(), ElementsAre(engine_->processes(app_)[0].address));
}

TEST_F(LocalEngineTest, DeployReturnsBeforeTheOldProcessesHaveStopped) {
  config_.stopGrace = std::chrono::seconds(60);
  restartDaemon();
  mustDeploy(2, {{"web", 1}});
  runtime_.endsOnSignal(false);
  mustDeploy(3, {{"web", 1}});
  EXPECT_THAT(runtime_.running(), SizeIs(2));
  EXPECT_THAT(engine_->processes(app_), SizeIs(2));
  // The next change does not trip over what is still stopping.
  mustDeploy(4, {{"web", 1}});
  EXPECT_THAT(backends(), SizeIs(1));
  for (const std::string& id : runtime_.running()) {
    if (!id.starts_with("hello.v4")) runtime_.finish(id, {});
  }
  EXPECT_TRUE(settlesAt({"web.1"}, 4));
}

TEST_F(LocalEngineTest, ReleaseThatExitsLeavesTheOldOneServing) {
  mustDeploy(2, {{"web", 1}});
  const std::size_t changes = router_.history().size();
  const auto old = backends();
  runtime_.behave("web", {.exitCode = 1, .output = "Error: no such module"});
  const auto result = deploy(3, {{"web", 2}});
  ASSERT_TRUE(std::holds_alternative<LaunchFailed>(result));
  const auto& failed = std::get<LaunchFailed>(result);
  EXPECT_THAT(failed.process, testing::StartsWith("web."));
  EXPECT_EQ(failed.reason, "exited with status 1 before it opened port " + std::to_string(runtime_.port()));
  EXPECT_THAT(failed.lastLines, ElementsAre("Error: no such module"));
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_EQ(backends(), old);
  EXPECT_THAT(router_.history(), SizeIs(changes));
}

TEST_F(LocalEngineTest, ReleaseThatDoesNotListenFails) {
  runtime_.behave("web", {.opensPort = false});
  const auto result = deploy(2, {{"web", 1}});
  ASSERT_TRUE(std::holds_alternative<LaunchFailed>(result));
  EXPECT_EQ(std::get<LaunchFailed>(result).reason,
            "did not open port " + std::to_string(runtime_.port()) + " within 1 s");
  EXPECT_TRUE(settlesAt({}, 2));
}

TEST_F(LocalEngineTest, WorkerFailsTheReleaseOnlyWithAnError) {
  runtime_.behave("worker", {.exitCode = 3});
  const auto failed = deploy(2, {{"worker", 1}});
  ASSERT_TRUE(std::holds_alternative<LaunchFailed>(failed));
  EXPECT_THAT(std::get<LaunchFailed>(failed).reason, HasSubstr("exited with status 3 within its first"));
  runtime_.behave("worker", {.exitCode = 0});
  mustDeploy(3, {{"worker", 1}});
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(0).restarts > 1; }));
}

TEST_F(LocalEngineTest, ScalingKeepsWhatRuns) {
  mustDeploy(2, {{"web", 1}});
  const std::string first = runtime_.idOf("web.1");
  mustDeploy(2, {{"web", 3}, {"worker", 1}});
  EXPECT_TRUE(settlesAt({"web.1", "web.2", "web.3", "worker.1"}, 2));
  EXPECT_THAT(backends(), SizeIs(3));
  const std::size_t before = runtime_.events().size();
  mustDeploy(2, {{"web", 2}});
  EXPECT_TRUE(settlesAt({"web.1", "web.2"}, 2));
  EXPECT_EQ(runtime_.idOf("web.1"), first);
  const auto after = events(before);
  const auto at = [&](const std::string& event) {
    return std::find(after.begin(), after.end(), event) - after.begin();
  };
  EXPECT_LT(at("routes"), at("signal web.3 v2 15"));
  EXPECT_THAT(after, Contains("remove worker.1 v2"));
  mustDeploy(2, {{"web", 0}});
  EXPECT_TRUE(settlesAt({}, 2));
  EXPECT_EQ(router_.routes(), (std::vector<Route>{{{"hello.localhost"}, {}}}));
}

TEST_F(LocalEngineTest, ChangedEnvironmentReplacesProcesses) {
  mustDeploy(2, {{"web", 1}});
  const std::string first = runtime_.idOf("web.1");
  Deployment changed = deployment(2, {{"web", 1}});
  changed.environment["GREETING"] = "good day";
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->deploy(changed, {}, {})));
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_NE(runtime_.idOf("web.1"), first);
}

TEST_F(LocalEngineTest, CrashedProcessLeavesTheRoutesAndComesBack) {
  mustDeploy(2, {{"web", 2}});
  runtime_.crash("web.1", 1);
  ASSERT_TRUE(eventually([&] { return backends().size() == 1; }));
  ASSERT_TRUE(eventually([&] { return backends().size() == 2; }));
  ASSERT_TRUE(settlesAt({"web.1", "web.2"}, 2));
  const ProcessStatus process = engine_->processes(app_).at(0);
  EXPECT_EQ(process.restarts, 1);
  EXPECT_EQ(process.lastExit, "exited with status 1");
  EXPECT_TRUE(logHas("web.1 exited with status 1; restart in 20 ms"));
  EXPECT_TRUE(eventually([&] { return logHas("web.1 is up again"); }));
}

TEST_F(LocalEngineTest, RouterIsToldWhyThereIsNoBackend) {
  const auto state = [&] { return router_.routes().at(0).state; };
  config_.backoffFirst = std::chrono::seconds(60);
  config_.portTimeout = std::chrono::seconds(60);
  restartDaemon();
  runtime_.behave("web", {.opensPort = false});
  std::stop_source stop;
  auto first = std::async(std::launch::async, [&] {
    EXPECT_THROW(engine_->deploy(deployment(2, {{"web", 1}}), {}, stop.get_token()), base::Error);
  });
  EXPECT_TRUE(eventually([&] { return router_.routes().size() == 1 && state() == Route::State::starting; }));
  stop.request_stop();
  first.get();
  EXPECT_TRUE(eventually([&] { return router_.routes().empty(); }));
  runtime_.behave("web", {});
  mustDeploy(3, {{"web", 1}});
  EXPECT_EQ(state(), Route::State::serving);
  runtime_.crash("web.1", 1);
  EXPECT_TRUE(eventually([&] { return state() == Route::State::crashed; }));
  mustDeploy(4, {{"web", 0}});
  EXPECT_TRUE(eventually([&] { return state() == Route::State::serving && backends().empty(); }));
}

TEST_F(LocalEngineTest, PausesBetweenRestartsGrowAndShrinkAgain) {
  mustDeploy(2, {{"worker", 1}});
  const auto pauses = [&] {
    std::vector<std::string> found;
    for (const LogLine& line : log_.read(app_, {.source = "fairlead"})) {
      const auto at = line.text.find("restart in ");
      if (at != std::string::npos) found.push_back(line.text.substr(at + 11));
    }
    return found;
  };
  for (std::size_t crash = 1; crash <= 4; ++crash) {
    ASSERT_TRUE(settlesAt({"worker.1"}, 2));
    if (crash == 4) clock_.advance(std::chrono::minutes(10));
    runtime_.crash("worker.1", 2);
    ASSERT_TRUE(eventually([&] { return pauses().size() == crash; }));
  }
  EXPECT_THAT(pauses(), ElementsAre("20 ms", "40 ms", "40 ms", "20 ms"));
}

TEST_F(LocalEngineTest, NewDaemonAdoptsWhatRuns) {
  mustDeploy(2, {{"web", 2}, {"worker", 1}});
  const std::size_t changes = router_.history().size();
  const auto running = runtime_.running();
  const auto routes = router_.routes();
  restartDaemon();
  EXPECT_THAT(engine_->processes(app_), SizeIs(3));
  EXPECT_THROW(engine_->restart(app_, "web"), base::Error);  // its environment is not known yet
  mustDeploy(2, {{"web", 2}, {"worker", 1}});
  EXPECT_EQ(runtime_.running(), running);
  EXPECT_EQ(router_.routes(), routes);
  EXPECT_THAT(router_.history(), SizeIs(changes));
  runtime_.crash("web.2", 1);
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(1).restarts == 1; }));
  EXPECT_TRUE(settlesAt({"web.1", "web.2", "worker.1"}, 2));
}

TEST_F(LocalEngineTest, NewDaemonReplacesAnOldRelease) {
  mustDeploy(2, {{"web", 1}});
  restartDaemon();
  mustDeploy(3, {{"web", 1}});
  EXPECT_TRUE(settlesAt({"web.1"}, 3));
}

TEST_F(LocalEngineTest, AfterARebootProcessesAreStartedAnew) {
  mustDeploy(2, {{"web", 1}});
  engine_.reset();
  for (const std::string& id : runtime_.list())
    runtime_.remove(id);
  restartDaemon();
  EXPECT_THAT(engine_->processes(app_), IsEmpty());
  mustDeploy(2, {{"web", 1}});
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
}

TEST_F(LocalEngineTest, NewDaemonFinishesWhatWasStopping) {
  config_.drain = std::chrono::seconds(60);
  restartDaemon();
  mustDeploy(2, {{"web", 1}});
  mustDeploy(3, {{"web", 1}});
  ASSERT_THAT(runtime_.running(), SizeIs(2));
  restartDaemon();
  EXPECT_TRUE(settlesAt({"web.1"}, 3));
}

/// What the router has to a process: a request under way, a stream or a websocket.
Poco::Net::StreamSocket connectedTo(const std::string& address) {
  return Poco::Net::StreamSocket(Poco::Net::SocketAddress(address));
}

TEST_F(LocalEngineTest, ProcessServesOutWhatItWasAskedBeforeItStops) {
  mustDeploy(2, {{"web", 2}});
  auto request = connectedTo(engine_->processes(app_).at(0).address);
  mustDeploy(3, {{"web", 2}});
  ASSERT_TRUE(eventually([&] { return runtime_.running().size() == 3; }));  // web.2 had nothing to do
  EXPECT_THAT(runtime_.events(), Contains("signal web.2 v2 15"));
  EXPECT_THAT(runtime_.events(), Not(Contains("signal web.1 v2 15")));
  request.close();
  EXPECT_TRUE(settlesAt({"web.1", "web.2"}, 3));
}

TEST_F(LocalEngineTest, ServingOutHasALimit) {
  config_.drainMax = milliseconds(100);
  restartDaemon();
  mustDeploy(2, {{"web", 1}});
  const auto websocket = connectedTo(engine_->processes(app_).at(0).address);
  const auto before = std::chrono::steady_clock::now();
  mustDeploy(3, {{"web", 1}});
  EXPECT_TRUE(settlesAt({"web.1"}, 3));
  EXPECT_GE(std::chrono::steady_clock::now() - before, config_.drainMax);
}

TEST_F(LocalEngineTest, NewDaemonLetsProcessesServeOutWhatTheyWereAsked) {
  mustDeploy(2, {{"web", 2}});
  auto request = connectedTo(engine_->processes(app_).at(0).address);
  config_.drain = std::chrono::seconds(60);
  restartDaemon();
  mustDeploy(3, {{"web", 2}});
  ASSERT_THAT(runtime_.running(), SizeIs(4));
  restartDaemon();
  ASSERT_TRUE(eventually([&] { return runtime_.running().size() == 3; }));
  EXPECT_THAT(runtime_.events(), Not(Contains("signal web.1 v2 15")));
  clock_.advance(std::chrono::seconds(30));
  restartDaemon();  // the time that it had is over
  EXPECT_TRUE(settlesAt({"web.1", "web.2"}, 3));
}

TEST_F(LocalEngineTest, RemoveWaitsForNoRequests) {
  config_.drainMax = std::chrono::hours(1);
  restartDaemon();
  mustDeploy(2, {{"web", 1}});
  const auto first = connectedTo(engine_->processes(app_).at(0).address);
  mustDeploy(3, {{"web", 1}});
  const auto second = connectedTo(engine_->processes(app_).at(0).address);
  ASSERT_THAT(runtime_.running(), SizeIs(2));
  engine_->remove(app_);
  EXPECT_THAT(runtime_.running(), IsEmpty());
}

TEST_F(LocalEngineTest, DamagedStateFileIsNoReasonNotToStart) {
  mustDeploy(2, {{"web", 1}});
  engine_.reset();
  for (const auto& file : std::filesystem::directory_iterator(config_.stateFolder / "hello"))
    std::filesystem::resize_file(file, 3);
  restartDaemon();
  mustDeploy(2, {{"web", 1}});
  EXPECT_TRUE(settlesAt({"web.1"}, 2));  // the nameless container is removed as a leftover
}

TEST_F(LocalEngineTest, DeployRemovesLeftoversOfItsAppOnly) {
  for (const char* id : {"hello.v1.web.1.aaaa", "hello.run.1", "other.v1.web.1.bbbb"}) {
    sandbox::ContainerSpec spec;
    spec.id = id;
    spec.argv = {"sleep"};
    runtime_.start(spec, folder_ / "left.log");
  }
  mustDeploy(2, {{"worker", 1}});
  EXPECT_THAT(runtime_.list(),
              testing::UnorderedElementsAre("hello.run.1", "other.v1.web.1.bbbb", runtime_.idOf("worker.1")));
}

TEST_F(LocalEngineTest, RemoveStopsEverythingAndForgets) {
  mustDeploy(2, {{"web", 1}, {"worker", 1}});
  engine_->remove(app_);
  EXPECT_THAT(engine_->processes(app_), IsEmpty());
  EXPECT_THAT(runtime_.list(), IsEmpty());
  EXPECT_THAT(router_.routes(), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(config_.stateFolder));
  engine_->remove(store::AppName::parse("unknown"));
}

TEST_F(LocalEngineTest, KnowsTheAppsOfAnEarlierDaemonWhoseProcessesHaveEnded) {
  mustDeploy(2, {{"web", 1}});
  engine_.reset();
  for (const std::string& id : runtime_.list())
    runtime_.remove(id);
  restartDaemon();
  EXPECT_THAT(engine_->apps(), ElementsAre(app_));
  engine_->remove(app_);
  EXPECT_THAT(engine_->apps(), IsEmpty());
  restartDaemon();
  EXPECT_THAT(engine_->apps(), IsEmpty());
}

TEST_F(LocalEngineTest, StopAllLeavesNothing) {
  mustDeploy(2, {{"web", 2}});
  runtime_.endsOnSignal(false);  // only SIGKILL helps
  sandbox::ContainerSpec left;
  left.id = "other.v1.web.1.bbbb";
  left.argv = {"sleep"};
  runtime_.start(left, folder_ / "left.log");
  engine_->stopAll();
  EXPECT_THAT(runtime_.list(), IsEmpty());
  EXPECT_TRUE(router_.stopped());
  EXPECT_TRUE(logHas("did not end within 1 s of SIGTERM: killed"));
  EXPECT_THROW(deploy(3, {{"web", 1}}), base::Error);
}

TEST_F(LocalEngineTest, RestartReplacesWithoutAGap) {
  mustDeploy(2, {{"web", 2}, {"worker", 1}});
  const std::string kept = runtime_.idOf("web.2");
  const std::size_t before = runtime_.events().size();
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->restart(app_, "web.1")));
  EXPECT_TRUE(settlesAt({"web.1", "web.2", "worker.1"}, 2));
  EXPECT_EQ(runtime_.idOf("web.2"), kept);
  EXPECT_THAT(events(before),
              ElementsAre("start web.1 v2", "routes", "signal web.1 v2 15", "remove web.1 v2"));
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->restart(app_, "")));
  EXPECT_TRUE(settlesAt({"web.1", "web.2", "worker.1"}, 2));
  EXPECT_NE(runtime_.idOf("web.2"), kept);
  EXPECT_THROW(engine_->restart(app_, "clock"), base::Error);
}

TEST_F(LocalEngineTest, WhatWasStoppedComesBackWithTheNextChangeOrRestart) {
  mustDeploy(2, {{"web", 2}, {"worker", 1}});
  engine_->stop(app_, "worker.1");
  EXPECT_TRUE(settlesAt({"web.1", "web.2"}, 2));
  EXPECT_THAT(backends(), SizeIs(2));
  EXPECT_THROW(engine_->stop(app_, "worker.1"), base::Error) << "it does not run";
  engine_->stop(app_, "web");
  EXPECT_TRUE(settlesAt({}, 2));
  EXPECT_EQ(router_.routes(), (std::vector<Route>{{{"hello.localhost"}, {}}}));
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->restart(app_, "web.2")));
  EXPECT_TRUE(settlesAt({"web.2"}, 2));
  mustDeploy(2, {{"web", 2}, {"worker", 1}});
  EXPECT_TRUE(settlesAt({"web.1", "web.2", "worker.1"}, 2));
}

TEST_F(LocalEngineTest, ContainerThatCannotBeMadeChangesNothing) {
  mustDeploy(2, {{"web", 1}});
  const std::size_t changes = router_.history().size();
  runtime_.failNext(base::Error(base::Errc::unavailable, "runc: no space left"));
  EXPECT_THROW(deploy(3, {{"web", 3}}), base::Error);
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_THAT(router_.history(), SizeIs(changes));
}

TEST_F(LocalEngineTest, RouterThatRefusesLeavesTheOldOneServing) {
  mustDeploy(2, {{"web", 1}});
  const auto old = backends();
  router_.failNext(base::Error(base::Errc::unavailable, "router is gone"));
  EXPECT_THROW(deploy(3, {{"web", 1}}), base::Error);
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_EQ(backends(), old);
  runtime_.crash("web.1", 1);  // comes back as the old release, too
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(0).restarts == 1; }));
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
}

TEST_F(LocalEngineTest, CancelledDeployLeavesTheOldOneServing) {
  mustDeploy(2, {{"web", 1}});
  runtime_.behave("web", {.opensPort = false});
  std::stop_source source;
  auto waiting = std::async(std::launch::async, [&] {
    return engine_->deploy(deployment(3, {{"web", 1}}), {}, source.get_token());
  });
  ASSERT_TRUE(eventually([&] { return runtime_.running().size() == 2; }));
  source.request_stop();
  EXPECT_THROW(waiting.get(), base::Error);
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
}

store::ProcessCheck httpCheck(store::ProcessCheck::Kind kind) {
  return {.kind = kind,
          .means = store::ProcessCheck::Means::http,
          .path = "/health",
          .wait = std::chrono::seconds(0),
          .timeout = std::chrono::seconds(5),
          .attempts = 2};
}

constexpr const char* kGood = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kBad = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";

TEST_F(LocalEngineTest, StartupCheckThatFailsFailsTheDeploy) {
  mustDeploy(2, {{"web", 1}});
  const auto old = backends();
  runtime_.behave("web", {.output = "cannot reach the database", .answer = kBad});
  Deployment next = deployment(3, {{"web", 1}});
  next.checks["web"] = {httpCheck(store::ProcessCheck::Kind::startup)};
  const LaunchResult result = engine_->deploy(next, {}, {});
  ASSERT_TRUE(std::holds_alternative<LaunchFailed>(result));
  EXPECT_EQ(std::get<LaunchFailed>(result).reason,
            "startup check failed: GET /health answered 500 2 times one after the other");
  EXPECT_THAT(std::get<LaunchFailed>(result).lastLines, ElementsAre("cannot reach the database"));
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_EQ(backends(), old);
}

TEST_F(LocalEngineTest, NewProcessesServeWhenTheyAreReady) {
  runtime_.behave("web", {.answer = kBad});
  Deployment first = deployment(2, {{"web", 1}});
  first.checks["web"] = {httpCheck(store::ProcessCheck::Kind::readiness)};
  first.checks["web"][0].attempts = 1000;
  auto deploying = std::async(std::launch::async, [&] { return engine_->deploy(first, {}, {}); });
  ASSERT_TRUE(eventually([&] { return runtime_.running().size() == 1; }));
  EXPECT_EQ(deploying.wait_for(milliseconds(100)), std::future_status::timeout);
  runtime_.behave("web", {.answer = kGood});
  EXPECT_TRUE(std::holds_alternative<Launched>(deploying.get()));
  EXPECT_THAT(backends(), SizeIs(1));
}

TEST_F(LocalEngineTest, ProcessThatIsNotReadyGetsNoRequests) {
  runtime_.behave("web", {.answer = kGood});
  Deployment wanted = deployment(2, {{"web", 1}});
  wanted.checks["web"] = {httpCheck(store::ProcessCheck::Kind::readiness)};
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->deploy(wanted, {}, {})));
  const auto one = backends();
  runtime_.behave("web", {.answer = kBad});
  ASSERT_TRUE(eventually([&] { return !engine_->processes(app_).at(0).notReady.empty(); }));
  EXPECT_EQ(engine_->processes(app_).at(0).notReady,
            "readiness check failed: GET /health answered 500 2 times one after the other");
  EXPECT_EQ(engine_->processes(app_).at(0).state, ProcessState::up);
  // It is the only one: what it answers itself tells more than a page of ours.
  EXPECT_EQ(backends(), one);
  EXPECT_TRUE(logHas("web.1 gets no requests: its readiness check failed"));
  runtime_.behave("web", {.answer = kGood});
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(0).notReady.empty(); }));
  EXPECT_TRUE(eventually([&] { return logHas("web.1 is ready again"); }));
}

TEST_F(LocalEngineTest, ProcessThatIsNotWellIsReplaced) {
  runtime_.behave("web", {.answer = kGood});
  Deployment wanted = deployment(2, {{"web", 1}});
  wanted.checks["web"] = {httpCheck(store::ProcessCheck::Kind::liveness)};
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->deploy(wanted, {}, {})));
  runtime_.endsOnSignal(false);  // it does not listen to SIGTERM
  runtime_.behave("web", {.answer = "nonsense"});
  ASSERT_TRUE(eventually([&] { return logHas("web.1 is replaced: its liveness check failed"); }));
  runtime_.behave("web", {.answer = kGood});
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(0).restarts == 1; }));
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_THAT(engine_->processes(app_).at(0).lastExit,
              HasSubstr("was replaced: its liveness check failed: GET /health did not answer in HTTP"));
}

TEST_F(LocalEngineTest, ProcessThatHasLostItsLogIsReplaced) {
  mustDeploy(2, {{"web", 1}});
  runtime_.loseMonitor(runtime_.idOf("web.1"));
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(0).restarts == 1; }));
  EXPECT_TRUE(settlesAt({"web.1"}, 2));
  EXPECT_EQ(engine_->processes(app_).at(0).lastExit, "was replaced: conmon, which keeps its log, was killed");
}

TEST_F(LocalEngineTest, ChecksOfRunningProcessesCountAtOnce) {
  runtime_.behave("web", {.answer = kGood});
  mustDeploy(2, {{"web", 1}});
  restartDaemon();
  runtime_.behave("web", {.answer = kBad});
  Deployment wanted = deployment(2, {{"web", 1}});
  wanted.checks["web"] = {httpCheck(store::ProcessCheck::Kind::readiness)};
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->deploy(wanted, {}, {})));
  EXPECT_THAT(runtime_.starts(), SizeIs(1));
  EXPECT_TRUE(eventually([&] { return !engine_->processes(app_).at(0).notReady.empty(); }));
}

TEST_F(LocalEngineTest, ProcessesOfAnAppAreConnected) {
  mustDeploy(2, {{"web", 1}, {"worker", 1}});
  const sandbox::NetworkGroup wanted{
      .name = "hello",
      .peers = {{runtime_.idOf("web.1"), {"web.1", "web", "web.1.hello.internal", "web.hello.internal"}},
                {runtime_.idOf("worker.1"),
                 {"worker.1", "worker", "worker.1.hello.internal", "worker.hello.internal"}}}};
  const auto connected = [&] {
    auto groups = runtime_.networkGroups();
    for (auto& group : groups)
      std::sort(group.peers.begin(), group.peers.end(),
                [](const auto& a, const auto& b) { return a.id < b.id; });
    return groups;
  };
  EXPECT_TRUE(eventually([&] { return connected() == std::vector<sandbox::NetworkGroup>{wanted}; }));
  runtime_.crash("worker.1", 1);
  EXPECT_TRUE(eventually([&] {
    const auto groups = connected();
    return groups.size() == 1 && groups[0].peers.size() == 2 && groups[0].peers[0] == wanted.peers[0] &&
           groups[0].peers[1].id != wanted.peers[1].id && groups[0].peers[1].names == wanted.peers[1].names;
  }));
  engine_->remove(app_);
  EXPECT_TRUE(eventually([&] { return connected().empty(); }));
}

TEST_F(LocalEngineTest, EachTypeHasItsSize) {
  Deployment wanted = deployment(2, {{"web", 1}, {"worker", 1}});
  wanted.sizes["web"] = {.memoryBytes = 64u << 20, .cpus = 0.5, .pids = 100, .diskBytes = 1u << 30};
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->deploy(wanted, {}, {})));
  for (const auto& spec : runtime_.starts()) {
    const bool isWeb = spec.argv.back() == "web";
    EXPECT_EQ(spec.limits.memoryBytes, isWeb ? 64u << 20 : 512u << 20);
    EXPECT_EQ(spec.limits.cpus, isWeb ? 0.5 : 0);
    EXPECT_EQ(spec.limits.pids, isWeb ? 100 : 1024);
  }
  restartDaemon();
  EXPECT_EQ(engine_->processes(app_).at(0).size, wanted.sizes["web"]);
  // Another size makes other processes, of this type only.
  wanted.sizes["web"].memoryBytes = 128u << 20;
  ASSERT_TRUE(std::holds_alternative<Launched>(engine_->deploy(wanted, {}, {})));
  EXPECT_THAT(runtime_.starts(), SizeIs(3));
  EXPECT_EQ(runtime_.starts().back().limits.memoryBytes, 128u << 20);
}

TEST_F(LocalEngineTest, TellsWhatProcessesUse) {
  mustDeploy(2, {{"web", 1}});
  const std::string id = runtime_.idOf("web.1");
  runtime_.setUsage(id, {.memoryBytes = 40u << 20, .cpu = std::chrono::seconds(1000), .pids = 3});
  EXPECT_TRUE(eventually([&] {
    const ProcessStatus status = engine_->processes(app_).at(0);
    return status.memoryBytes == 40u << 20 && status.cpus > 1;
  }));
  EXPECT_EQ(engine_->processes(app_).at(0).node, "here");
}

TEST_F(LocalEngineTest, LimitsThatRefusedSomethingAreNamed) {
  mustDeploy(2, {{"web", 1}});
  runtime_.setUsage(runtime_.idOf("web.1"), {.oomKills = 1, .pidsRefused = 5});
  EXPECT_TRUE(eventually([&] { return logHas("web.1 has used up its memory of 512M"); }));
  EXPECT_TRUE(eventually([&] { return logHas("web.1 has as many processes and threads as it may (1024)"); }));
}

TEST_F(LocalEngineTest, EndForLackOfMemoryIsNamed) {
  config_.sampleEvery = std::chrono::hours(1);
  restartDaemon();
  mustDeploy(2, {{"web", 1}});
  runtime_.setUsage(runtime_.idOf("web.1"), {.oomKills = 1});
  runtime_.crash("web.1", 137);
  EXPECT_TRUE(eventually([&] { return !engine_->processes(app_).at(0).lastExit.empty(); }));
  EXPECT_EQ(engine_->processes(app_).at(0).lastExit,
            "exited with status 137, having used up its memory of 512M");
}

TEST_F(LocalEngineTest, ProcessThatFillsTheDiskIsEnded) {
  config_.size.diskBytes = 100u << 20;
  restartDaemon();
  mustDeploy(2, {{"web", 1}, {"worker", 1}});
  const std::string neighbour = runtime_.idOf("worker.1");
  runtime_.setUsage(neighbour, {}, 100u << 20);
  runtime_.setUsage(runtime_.idOf("web.1"), {}, (100u << 20) + 1);
  EXPECT_TRUE(eventually([&] { return engine_->processes(app_).at(0).restarts == 1; }));
  EXPECT_THAT(engine_->processes(app_).at(0).lastExit,
              HasSubstr("was killed: it wrote more than its disk of 100M"));
  EXPECT_EQ(runtime_.idOf("worker.1"), neighbour);
}

TEST_F(LocalEngineTest, ChangesOfOneAppFollowEachOther) {
  std::atomic<int> starting = 0;
  std::atomic<bool> overlapped = false;
  runtime_.onStart([&](const auto&, const auto&) {
    if (++starting > 1) overlapped = true;
    std::this_thread::sleep_for(milliseconds(20));
    --starting;
  });
  auto first = std::async(std::launch::async, [&] { return deploy(2, {{"web", 1}}); });
  auto second = std::async(std::launch::async, [&] { return deploy(3, {{"web", 1}}); });
  EXPECT_TRUE(std::holds_alternative<Launched>(first.get()));
  EXPECT_TRUE(std::holds_alternative<Launched>(second.get()));
  EXPECT_FALSE(overlapped);
  EXPECT_TRUE(eventually([&] { return runtime_.running().size() == 1; }));
  EXPECT_THAT(backends(), SizeIs(1));
}

}  // namespace
}  // namespace runner
