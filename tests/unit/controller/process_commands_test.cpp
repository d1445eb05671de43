#include <gmock/gmock.h>

#include "base/json.h"
#include "controller/check_operations.h"
#include "tests/unit/controller/command_fixture.h"

namespace controller {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ProcessCommandsTest : public CommandFixture {
 protected:
  ProcessCommandsTest() {
    run({"apps:create", "hello"});
    deploySlug("hello");
  }
  store::AppId id() { return store_.getApp(store::AppName::parse("hello")).id; }
};

TEST_F(ProcessCommandsTest, SizesAreThoseOfTheServerUnlessSet) {
  EXPECT_THAT(run({"ps:type", "-a", "hello"}).out, HasSubstr("web:     512M, 1024 pids, 2G disk"));
  ASSERT_EQ(run({"ps:type", "web=1G,0.5cpu", "worker=100pids,3Gdisk", "-a", "hello"}).code, 1)
      << "the server allows no more disk than it gives";
  ASSERT_EQ(run({"ps:type", "web=1G,0.5cpu", "worker=100pids,1Gdisk", "-a", "hello"}).code, 0);
  EXPECT_THAT(run({"ps:type", "-a", "hello"}).out, HasSubstr("web:     1G, 0.5 cpu, 1024 pids, 2G disk"));
  EXPECT_THAT(run({"ps:type", "-a", "hello"}).out, HasSubstr("worker:  512M, 100 pids, 1G disk"));
  const auto sizes = engine_.deployments().back().sizes;
  EXPECT_EQ(sizes.at("web"), (runner::ProcessSize{1u << 30, 0.5, 1024, 2u << 30}));
  EXPECT_EQ(sizes.at("worker"), (runner::ProcessSize{512u << 20, 0, 100, 1u << 30}));
  // What is not named stays.
  ASSERT_EQ(run({"ps:type", "web=256M", "-a", "hello"}).code, 0);
  EXPECT_EQ(engine_.deployments().back().sizes.at("web"), (runner::ProcessSize{256u << 20, 0.5, 1024, 2u << 30}));
  ASSERT_EQ(run({"ps:type", "web=default", "worker=default", "-a", "hello"}).code, 0);
  EXPECT_THAT(engine_.deployments().back().sizes, IsEmpty());
}

TEST_F(ProcessCommandsTest, WrongSizesChangeNothing) {
  const auto before = store_.settings(id());
  EXPECT_THAT(run({"ps:type", "web=3G", "-a", "hello"}).err,
              HasSubstr("process_memory_bytes can be at most 2G on this server: its operator can allow more "
                        "with the setting app_limits_max"));
  EXPECT_THAT(run({"ps:type", "web=4cpu", "-a", "hello"}).err, HasSubstr("process_cpus can be at most 2"));
  EXPECT_THAT(run({"ps:type", "web=0cpu", "-a", "hello"}).err, HasSubstr("process_cpus can be at most 2"));
  EXPECT_THAT(run({"ps:type", "web=big", "-a", "hello"}).err, HasSubstr("\"big\" is no size of processes: write 512M"));
  EXPECT_THAT(run({"ps:type", "web=512M,", "-a", "hello"}).err, HasSubstr("is no size"));
  EXPECT_THAT(run({"ps:type", "web=512M,1G", "-a", "hello"}).err, HasSubstr("says one limit twice"));
  EXPECT_THAT(run({"ps:type", "web=xcpu", "-a", "hello"}).err, HasSubstr("is no size"));
  EXPECT_THAT(run({"ps:type", "web", "-a", "hello"}).err, HasSubstr("TYPE=SIZE"));
  EXPECT_THAT(run({"ps:type", "wbe=1G", "-a", "hello"}).err, HasSubstr("this app has web, worker"));
  EXPECT_THAT(run({"limits:set", "process_memory_bytes=1G", "-a", "hello"}).err, HasSubstr("fairlead ps:type"));
  engine_.failNext({"web.1", "exited", {}});
  EXPECT_EQ(run({"ps:type", "web=1G", "-a", "hello"}).code, 1);
  EXPECT_EQ(store_.settings(id()), before);
}

TEST_F(ProcessCommandsTest, SizesNeedADeploy) {
  run({"apps:create", "other"});
  EXPECT_THAT(run({"ps:type", "web=1G", "-a", "other"}).err, HasSubstr("push first"));
  EXPECT_THAT(run({"ps:type", "-a", "other"}).out, HasSubstr("push first"));
}

TEST_F(ProcessCommandsTest, ChecksAreSetByKind) {
  EXPECT_THAT(run({"checks", "-a", "hello"}).out, HasSubstr("No checks"));
  ASSERT_EQ(run({"checks:set", "web", "startup", "--path", "/health", "--status", "200", "--timeout", "2", "-a", "hello"}).code, 0);
  ASSERT_EQ(run({"checks:set", "web", "liveness", "--command", "bin/alive", "--wait", "30", "-a", "hello"}).code, 0);
  const std::string list = run({"checks", "-a", "hello"}).out;
  EXPECT_THAT(list, HasSubstr("web:  startup   GET /health            every 5 s, 3 attempts of 2 s"));
  EXPECT_THAT(list, HasSubstr("web:  liveness  the command bin/alive  every 30 s, 3 attempts of 5 s"));
  const auto checks = engine_.deployments().back().checks;
  ASSERT_EQ(checks.at("web").size(), 2u);
  EXPECT_EQ(checks.at("web")[0].statusTo, 200);
  ASSERT_EQ(run({"checks:unset", "web", "startup", "-a", "hello"}).code, 0);
  EXPECT_EQ(engine_.deployments().back().checks.at("web").size(), 1u);
  ASSERT_EQ(run({"checks:unset", "web", "-a", "hello"}).code, 0);
  EXPECT_THAT(engine_.deployments().back().checks, IsEmpty());
  EXPECT_THAT(run({"checks:unset", "web", "-a", "hello"}).err, HasSubstr("no check of web was set"));
}

TEST_F(ProcessCommandsTest, WrongChecksAreOneSentence) {
  EXPECT_THAT(run({"checks:set", "web", "health", "--path", "/", "-a", "hello"}).err,
              HasSubstr("checks.web[0].type is not startup, readiness or liveness"));
  EXPECT_THAT(run({"checks:set", "web", "startup", "--path", "/", "--port", "-a", "hello"}).err,
              HasSubstr("asks several things"));
  EXPECT_THAT(run({"checks:set", "web", "startup", "--path", "/", "--timeout", "0", "-a", "hello"}).err,
              HasSubstr("checks.web[0].timeout is not a whole number from 1 to 300"));
  EXPECT_THAT(run({"checks:set", "wbe", "startup", "--path", "/", "-a", "hello"}).err, HasSubstr("this app has web, worker"));
  EXPECT_THAT(run({"checks:unset", "web", "alive", "-a", "hello"}).err, HasSubstr("startup, readiness or liveness"));
  EXPECT_THAT(store_.settings(id()), IsEmpty());
}

TEST_F(ProcessCommandsTest, PsTellsWhatProcessesUse) {
  const std::string out = run({"ps", "-a", "hello"}).out;
  EXPECT_THAT(out, HasSubstr("/512M"));
  EXPECT_THAT(out, HasSubstr("% cpu"));
  const auto json = base::parseJsonObject(R"({"list":)" + run({"ps", "--json", "-a", "hello"}).out + "}", "ps");
  const auto process = json->getArray("list")->getObject(0);
  EXPECT_EQ(process->getObject("limits")->getValue<int>("pids"), 1024);
  EXPECT_TRUE(process->getObject("limits")->isNull("cpus"));
  EXPECT_TRUE(process->getObject("usage")->has("memory_bytes"));
  EXPECT_TRUE(process->getValue<bool>("ready"));
}

}  // namespace
}  // namespace controller
