// Cron: what runs when, what does not, and what is told of it.
#include "controller/cron_scheduler.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

using runner::OneOffEnd;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::CronEntry;
using store::CronRun;
using store::CronState;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const CronEntry kEveryMinute{"* * * * *", "bin/tick"};

class CronTest : public CommandFixture {
 protected:
  /// An app with this cron, looked at for the first time. (The clock stands at 12:00.)
  store::App deploy(const std::vector<CronEntry>& cron, const std::string& name = "hello") {
    run({"apps:create", name});
    deploySlug(name, cron);
    cron_.round();
    return app(name);
  }
  store::App app(const std::string& name = "hello") { return store_.getApp(store::AppName::parse(name)); }
  /// "cron.2 skipped cron.1 still runs", newest first.
  std::vector<std::string> history(const std::string& name = "hello") {
    std::vector<std::string> lines;
    for (const CronRun& run : cron_.history(app(name), 100))
      lines.push_back(run.process() + " " + std::string(store::name(run.state)) +
                      (run.note.empty() ? "" : " " + run.note));
    return lines;
  }
  void end(const std::string& process, int code = 0, OneOffEnd::How how = OneOffEnd::How::exited,
           const std::string& name = "hello") {
    oneOffs_.stop(store::AppName::parse(name), process);
    cronBook_.ended(store::AppName::parse(name), {process, code, "ended", how});
  }
  void roundIn(std::chrono::milliseconds time) {
    clock_.advance(time);
    cron_.round();
  }
  std::vector<std::string> logged(const std::string& name = "hello") {
    std::vector<std::string> lines;
    for (const auto& line : log_.read(store::AppName::parse(name), {.process = "cron"}))
      lines.push_back(line.text);
    return lines;
  }
};

TEST_F(CronTest, RunsWhatIsDueWithTheReleasesEnvironment) {
  deploy({{"*/5 * * * *", "worker --fast", false, seconds(30)}});
  EXPECT_EQ(cron_.round(), clock_.now() + minutes(5));
  roundIn(minutes(5) - std::chrono::milliseconds(1));
  EXPECT_THAT(oneOffs_.asked(), IsEmpty());
  roundIn(std::chrono::milliseconds(1));
  ASSERT_EQ(oneOffs_.asked().size(), 1u);
  const runner::OneOff asked = oneOffs_.asked()[0];
  EXPECT_EQ(asked.type, "cron");
  EXPECT_EQ(asked.number, 1);
  EXPECT_THAT(asked.command, ElementsAre("/bin/bash", "-c", "/fairlead/start worker --fast"));
  EXPECT_EQ(asked.title(), "worker --fast");
  EXPECT_EQ(asked.timeout, seconds(30));
  EXPECT_EQ(asked.user, "its schedule");
  EXPECT_EQ(asked.deployment.release.number, 2);
  EXPECT_EQ(asked.deployment.environment.at("FROM_BUILDPACK"), "default");
  EXPECT_THAT(history(), ElementsAre("cron.1 running"));
  clock_.advance(seconds(7));
  end("cron.1");
  EXPECT_THAT(history(), ElementsAre("cron.1 succeeded"));
  const CronRun ran = cron_.history(app(), 1)[0];
  EXPECT_EQ(*ran.ended - *ran.started, seconds(7));
  EXPECT_EQ(ran.due, *ran.started);
  roundIn(seconds(1));
  EXPECT_EQ(oneOffs_.asked().size(), 1u) << "once";
}

TEST_F(CronTest, TellsHowARunEnded) {
  deploy({kEveryMinute});
  const auto endsAs = [&](int code, OneOffEnd::How how) {
    roundIn(minutes(1));
    const CronRun run = cron_.history(app(), 1)[0];
    end(run.process(), code, how);
    end(run.process(), 0);  // told again after a kill
    return cron_.history(app(), 1)[0];
  };
  EXPECT_EQ(endsAs(3, OneOffEnd::How::exited).state, CronState::failed);
  EXPECT_EQ(endsAs(3, OneOffEnd::How::exited).exitCode, 3);
  EXPECT_EQ(endsAs(124, OneOffEnd::How::timedOut).state, CronState::timedOut);
  EXPECT_EQ(endsAs(143, OneOffEnd::How::stopped).state, CronState::cancelled);
  EXPECT_EQ(endsAs(137, OneOffEnd::How::lost).state, CronState::failed);
  EXPECT_EQ(endsAs(0, OneOffEnd::How::exited).state, CronState::succeeded);
  EXPECT_EQ(cron_.history(app(), 2)[1].note, "ended");
  cronBook_.ended(app().name, {"run.1", 0, "", OneOffEnd::How::exited});
  cronBook_.ended(app().name, {"cron.x", 0, "", OneOffEnd::How::exited});
  cronBook_.ended(store::AppName::parse("absent"), {"cron.1", 0, "", OneOffEnd::How::exited});
}

TEST_F(CronTest, DoesNotOverlapUnlessAsked) {
  deploy({kEveryMinute, {"* * * * *", "bin/beside", true, {}}});
  roundIn(minutes(1));
  roundIn(minutes(1));
  EXPECT_THAT(history(), ElementsAre("cron.4 running", "cron.3 skipped cron.1 still runs", "cron.2 running",
                                     "cron.1 running"));
  EXPECT_EQ(oneOffs_.asked().size(), 3u);
  EXPECT_THAT(logged(), Contains("cron.3 skipped, due 2026-01-31T12:02Z: cron.1 still runs: \"bin/tick\""));
  end("cron.1");
  roundIn(minutes(1));
  EXPECT_EQ(history()[1], "cron.5 running");
}

TEST_F(CronTest, WhatIsLateByAMinuteIsMissed) {
  deploy({kEveryMinute});
  roundIn(minutes(1) + seconds(59));
  EXPECT_THAT(history(), ElementsAre("cron.1 running"));
  end("cron.1");
  roundIn(minutes(60) + seconds(1));  // 13:02:00: 12:02 to 13:01 were missed, 13:02 is on time
  EXPECT_THAT(history(),
              ElementsAre("cron.3 running",
                          "cron.2 missed 60 runs from 2026-01-31T12:02Z to 2026-01-31T13:01Z: the server was "
                          "down or behind then",
                          "cron.1 succeeded"));
  EXPECT_EQ(oneOffs_.asked().size(), 2u);
  EXPECT_THAT(logged(), Contains(HasSubstr("cron.2 missed, due 2026-01-31T13:01Z: 60 runs")));
  deploy({{"30 3 * * *", "bin/daily"}}, "other");
  roundIn(hours(24));
  EXPECT_THAT(history("other"), ElementsAre("cron.1 missed the server was down or behind then"));
  roundIn(hours(24 * 365));
  EXPECT_THAT(history()[1], HasSubstr("10000 runs or more from 2026-02-01T"));
}

TEST_F(CronTest, AClockThatGoesBackRunsNothingTwice) {
  deploy({kEveryMinute});
  roundIn(minutes(3));
  end("cron.2");  // cron.1 are those missed before
  ASSERT_EQ(oneOffs_.asked().size(), 1u);
  roundIn(-minutes(3));
  for (int i = 0; i < 3; ++i)
    roundIn(minutes(1));
  EXPECT_EQ(oneOffs_.asked().size(), 1u) << "12:03 has run";
  EXPECT_EQ(cron_.round(), clock_.now() + minutes(1));
  roundIn(minutes(1));
  EXPECT_EQ(oneOffs_.asked().size(), 2u);
  end("cron.3");
  // One that was ahead by days does not keep cron silent for days.
  roundIn(hours(72));
  end("cron.5");
  const std::size_t before = oneOffs_.asked().size();
  roundIn(-hours(72));
  roundIn(minutes(1));
  EXPECT_EQ(oneOffs_.asked().size(), before + 1);
}

TEST_F(CronTest, NothingRunsWhileItIsSuspended) {
  deploy({kEveryMinute});
  cron_.suspend(app(), "ada");
  roundIn(minutes(3));
  EXPECT_THAT(history(), IsEmpty());
  EXPECT_EQ(cron_.entries(app())[0].next, std::nullopt);
  EXPECT_EQ(cron_.round(), std::nullopt);
  cron_.resume(app(), "ada");
  EXPECT_THAT(history(),
              ElementsAre("cron.1 missed 3 runs from 2026-01-31T12:01Z to 2026-01-31T12:03Z: cron was "
                          "suspended"));
  cron_.round();
  EXPECT_THAT(oneOffs_.asked(), IsEmpty());
  roundIn(minutes(1));
  EXPECT_EQ(history()[0], "cron.2 running");
  EXPECT_THAT(logged(), Contains("suspended by ada"));
  EXPECT_THAT(logged(), Contains("resumed by ada"));
}

TEST_F(CronTest, OtherReleasesHaveOtherCron) {
  deploy({kEveryMinute});
  deploySlug("hello", {{"* * * * *", "bin/new"}});
  clock_.advance(hours(1));
  cron_.round();  // new ones count from when they are seen
  EXPECT_THAT(history(), IsEmpty());
  roundIn(minutes(1));
  EXPECT_EQ(oneOffs_.asked().at(0).shown, "bin/new");
  EXPECT_EQ(oneOffs_.asked().at(0).deployment.release.number, 3);
  EXPECT_EQ(run({"rollback", "v2", "-a", "hello"}).code, 0);
  cron_.round();
  roundIn(minutes(1));
  EXPECT_EQ(oneOffs_.asked().at(1).shown, "bin/tick");
  EXPECT_EQ(oneOffs_.asked().at(1).deployment.release.number, 4);
  deploySlug("hello", {});
  roundIn(minutes(10));
  EXPECT_EQ(oneOffs_.asked().size(), 2u);
  EXPECT_EQ(cron_.round(), std::nullopt);
}

TEST_F(CronTest, AFewRunAtATimeInTheirOrder) {
  CronScheduler narrow({.maxRunning = 1}, {cronBook_, store_, releases_, oneOffs_, log_, clock_});
  deploy({kEveryMinute, {"* * * * *", "bin/second"}, {"* * * * *", "bin/third"}});
  clock_.advance(minutes(1));
  narrow.round();
  EXPECT_THAT(history(), ElementsAre("cron.3 waiting", "cron.2 waiting", "cron.1 running"));
  end("cron.1");
  narrow.round();
  EXPECT_THAT(history(), ElementsAre("cron.3 waiting", "cron.2 running", "cron.1 succeeded"));
  cron_.suspend(app(), "ada");
  EXPECT_EQ(history()[0], "cron.3 missed cron was suspended while it waited");
}

TEST_F(CronTest, WaitsForAPlaceAmongOneOffProcesses) {
  deploy({kEveryMinute});
  oneOffs_.refusal = base::Errc::overloaded;
  clock_.advance(minutes(1));
  EXPECT_EQ(cron_.round(), clock_.now() + seconds(5));
  EXPECT_THAT(history(), ElementsAre("cron.1 waiting it is refused"));
  oneOffs_.refusal.reset();
  roundIn(seconds(5));
  EXPECT_THAT(history(), ElementsAre("cron.1 running"));
  EXPECT_EQ(oneOffs_.asked().at(0).number, 1);
}

TEST_F(CronTest, OneThatCannotStartHasFailed) {
  deploy({kEveryMinute});
  oneOffs_.refusal = base::Errc::diskFull;
  roundIn(minutes(1));
  EXPECT_THAT(history(), ElementsAre("cron.1 failed it is refused"));
  oneOffs_.refusal.reset();
  roundIn(minutes(1));
  EXPECT_EQ(history()[0], "cron.2 running");
}

TEST_F(CronTest, AnAppWhoseCronCannotBeReadKeepsNoOtherFromTheirs) {
  deploy({kEveryMinute}, "apples");
  deploy({kEveryMinute}, "beans");
  const store::App apples = app("apples");
  store_.createRelease({.app = apples.id,
                        .version = store_.nextVersion(apples.id),
                        .slug = store_.createSlug({.app = apples.id, .cron = "{"}).id,
                        .stack = "debian-12",
                        .user = "ada",
                        .state = store::ReleaseState::succeeded});
  roundIn(minutes(1));
  EXPECT_THAT(history("beans"), ElementsAre("cron.1 running"));
}

TEST_F(CronTest, TheNextDaemonKnowsWhatTheLastOneLeft) {
  deploy({kEveryMinute, {"* * * * *", "bin/second"}, {"* * * * *", "bin/third"}});
  CronScheduler narrow({.maxRunning = 2}, {cronBook_, store_, releases_, oneOffs_, log_, clock_});
  clock_.advance(minutes(1));
  narrow.round();
  oneOffs_.stop(app().name, "cron.1");  // a kill before it was written down
  clock_.advance(seconds(30));
  {
    const CronScheduler next({}, {cronBook_, store_, releases_, oneOffs_, log_, clock_});
    EXPECT_THAT(history(), ElementsAre("cron.3 waiting", "cron.2 running",
                                       "cron.1 failed was lost when the server was killed"));
  }
  clock_.advance(seconds(30));
  const CronScheduler later({}, {cronBook_, store_, releases_, oneOffs_, log_, clock_});
  EXPECT_EQ(history()[0], "cron.3 missed the server ended while it waited");
  end("cron.2", 1);
  EXPECT_EQ(history()[1], "cron.2 failed ended");
}

TEST_F(CronTest, AnAppIsNotRenamedUnderARun) {
  deploy({kEveryMinute});
  roundIn(minutes(1));
  const auto refused = run({"apps:rename", "goodbye", "-a", "hello"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err,
              HasSubstr("cron.1 of hello runs: wait for its end, or end it with fairlead run:stop"));
  EXPECT_EQ(app().name.str(), "hello");
  end("cron.1");
  EXPECT_EQ(run({"apps:rename", "goodbye", "-a", "hello"}).code, 0);
  EXPECT_THAT(history("goodbye"), ElementsAre("cron.1 succeeded"));
  roundIn(minutes(1));
  EXPECT_EQ(oneOffs_.asked().at(1).deployment.app.str(), "goodbye");
}

TEST_F(CronTest, ARunThatBeginsWhileItsAppIsRenamedUndoesThat) {
  deploy({kEveryMinute});
  engine_.onDeploy([&](const runner::Deployment& deployment) {
    if (deployment.app.str() == "goodbye") roundIn(minutes(1));
  });
  EXPECT_EQ(run({"apps:rename", "goodbye", "-a", "hello"}).code, 1);
  EXPECT_EQ(app().name.str(), "hello");
  EXPECT_THAT(engine_.removed(), ElementsAre("goodbye"));
}

/// Somebody destroys the app while its run begins.
class Destroying : public testing_support::FakeOneOffs {
 public:
  std::function<void()> meanwhile = [] {};
  std::string runDetached(const runner::OneOff& wanted) override {
    meanwhile();
    return FakeOneOffs::runDetached(wanted);
  }
};

TEST_F(CronTest, WhatBeginsWhileItsAppIsDestroyedIsStopped) {
  Destroying oneOffs;
  CronScheduler cron({}, {cronBook_, store_, releases_, oneOffs, log_, clock_});
  const store::App made = deploy({kEveryMinute});
  oneOffs.meanwhile = [&] { EXPECT_EQ(run({"apps:destroy", "-a", "hello", "--confirm", "hello"}).code, 0); };
  clock_.advance(minutes(1));
  cron.round();
  EXPECT_EQ(oneOffs.asked().size(), 1u);
  EXPECT_THAT(oneOffs.processes(made.name), IsEmpty());
  EXPECT_EQ(cron.round(), std::nullopt);
}

TEST_F(CronTest, ItsThreadRunsWhatIsDue) {
  deploy({kEveryMinute});
  cron_.start();
  clock_.advance(minutes(1));
  cronBook_.changed();
  EXPECT_TRUE(oneOffs_.awaitAsked(1));
  end("cron.1");
  clock_.advance(minutes(1));
  cronBook_.changed();
  EXPECT_TRUE(oneOffs_.awaitAsked(2));
  cron_.stop();
}

TEST_F(CronTest, RunsOneNow) {
  deploy({kEveryMinute, {"@yearly", "worker"}});
  EXPECT_EQ(run({"cron:run", "2", "-a", "hello"}).out,
            "Running worker as cron.1; its output: fairlead logs --tail --ps cron.1 -a hello\n");
  EXPECT_EQ(oneOffs_.asked().at(0).user, "ada");
  EXPECT_EQ(oneOffs_.asked().at(0).timeout, hours(1));
  EXPECT_THAT(run({"cron:run", "2", "-a", "hello"}).err, HasSubstr("cron.1 still runs"));
  EXPECT_EQ(run({"cron:run", "2", "-a", "hello"}).code, 1);
  cron_.suspend(app(), "ada");
  EXPECT_EQ(run({"cron:run", "1", "-a", "hello"}).code, 0) << "somebody asks";
  EXPECT_THAT(run({"cron:run", "3", "-a", "hello"}).err, HasSubstr("hello has no entry 3 of cron"));
  EXPECT_THAT(run({"cron:run", "0", "-a", "hello"}).err, HasSubstr("no entry 0"));
  EXPECT_THAT(run({"cron:run", "worker", "-a", "hello"}).err,
              HasSubstr("\"worker\" is not the number of an entry"));
  end("cron.1");
  oneOffs_.refusal = base::Errc::overloaded;
  EXPECT_THAT(run({"cron:run", "2", "-a", "hello"}).err, HasSubstr("it is refused"));
  EXPECT_EQ(history()[0], "cron.3 failed it is refused") << "nobody waits for it";
}

TEST_F(CronTest, IsListed) {
  run({"apps:create", "hello"});
  EXPECT_THAT(run({"cron", "-a", "hello"}).out, HasSubstr("hello has no cron: say in app.json"));
  EXPECT_THAT(run({"cron", "-a", "hello"}).out, HasSubstr("\"schedule\": \"0 3 * * *\""));
  EXPECT_THAT(run({"cron:history", "-a", "hello"}).out, HasSubstr("Nothing has run yet"));
  EXPECT_EQ(run({"cron", "-a", "hello", "--json"}).out, "[]\n");
  deploySlug("hello", {{"0 3 * * *", "bin/clean", false, seconds(60)}, kEveryMinute});
  cron_.round();
  EXPECT_THAT(run({"cron", "-a", "hello"}).out,
              HasSubstr("1:  0 3 * * *  bin/clean  next 2026-02-01 03:00Z  never ran"));
  roundIn(minutes(1));
  clock_.advance(seconds(5));
  end("cron.1", 4);
  EXPECT_THAT(run({"cron", "-a", "hello"}).out, HasSubstr("failed 0s ago"));
  EXPECT_THAT(run({"cron:history", "-a", "hello"}).out,
              HasSubstr("cron.1  2026-01-31 12:01Z  failed  5 s  bin/tick  ended"));
  const std::string json = run({"cron:history", "-a", "hello", "--json"}).out;
  EXPECT_THAT(
      json, HasSubstr(R"("process":"cron.1","schedule":"* * * * *","command":"bin/tick","state":"failed")"));
  EXPECT_THAT(json, HasSubstr(R"("exit_code":4)"));
  EXPECT_THAT(run({"cron", "-a", "hello", "--json"}).out, HasSubstr(R"("timeout_s":60)"));
  EXPECT_THAT(run({"cron:suspend", "-a", "hello"}).out, HasSubstr("Cron of hello is suspended"));
  EXPECT_THAT(run({"cron", "-a", "hello"}).out, HasSubstr("Suspended: fairlead cron:resume -a hello"));
  EXPECT_THAT(run({"cron:resume", "-a", "hello", "--json"}).out, HasSubstr(R"("suspended":false)"));
}

}  // namespace
}  // namespace controller
