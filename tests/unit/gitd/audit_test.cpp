#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>
#include <gmock/gmock.h>

#include <csignal>
#include <thread>

#include "git/pkt_line.h"
#include "gitd/metered_handler.h"
#include "tests/unit/gitd/git_objects.h"
#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogLines : public Poco::Channel {
 public:
  void log(const Poco::Message& message) override {
    const std::lock_guard lock(mutex_);
    if (message.getText().starts_with("push ")) lines_.push_back(message.getText());
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Each push leaves its trace in the log, whatever becomes of it.
class AuditTest : public ServerTest {
 protected:
  AuditTest() : log_(new LogLines) {
    Poco::Logger& logger = Poco::Logger::get("gitd");
    logger.setChannel(log_);
    logger.setLevel(Poco::Message::PRIO_INFORMATION);
  }
  ~AuditTest() override {
    server_.reset();
    Poco::Logger::get("gitd").setChannel(Poco::AutoPtr<Poco::Channel>());
  }

  void begin(const std::function<void(SshServerConfig&)>& adjust = {}) {
    start(adjust);
    repository_ = makeRepository("hello");
    work_ = makeWorkTree("work", "hello");
    head_ = git(work_, {"rev-parse", "HEAD"}).out.substr(0, 40);
  }

  /// The lines, once there are `count` of them: they are written when the client has heard already.
  std::vector<std::string> lines(std::size_t count) {
    EXPECT_TRUE(eventually([&] { return log_->count() >= count; }));
    return log_->take();
  }

  /// What a client of no git sends, and then hangs up.
  base::CommandOutput send(const std::string& bytes) {
    base::CommandOptions options;
    options.environment = environment("alice");
    options.input = bytes;
    auto argv = sshCommand("alice");
    argv.insert(argv.end(), {"-p", port(), "git@127.0.0.1", "git-receive-pack 'hello'"});
    return base::runCommand(argv, options);
  }
  std::string create(const std::string& ref) const {
    return none_ + " " + head_ + " " + ref + std::string(1, '\0') + "report-status side-band-64k";
  }

  const std::string none_ = std::string(40, '0');
  Poco::AutoPtr<LogLines> log_;
  std::filesystem::path repository_;
  std::filesystem::path work_;
  std::string head_;
};

TEST_F(AuditTest, NamesWhoPushedWhatAndHowLongItTook) {
  begin();
  ASSERT_TRUE(git(work_, {"push", "fairlead", "main"}).status.ok());
  EXPECT_THAT(lines(1), ElementsAre(AllOf(HasSubstr("user=alice key=SHA256:"), HasSubstr(" peer=127.0.0.1:"),
                                          HasSubstr(" app=hello ref=refs/heads/main old=" + none_ +
                                                    " new=" + head_ + " bytes="),
                                          HasSubstr(" objects=3 index_ms="), HasSubstr(" receive_ms="),
                                          HasSubstr(" build_ms="), HasSubstr(" result=accepted"))));
  // Who has nothing to push, or only looks, leaves none.
  ASSERT_TRUE(git(work_, {"push", "fairlead", "main"}).status.ok());
  send("0000");
  send("");
  server_->stop(std::chrono::seconds(1));
  EXPECT_THAT(log_->take(), IsEmpty());
}

TEST_F(AuditTest, TellsWhyAPushWasRefused) {
  handler_.onUpdate = [](const RefUpdate& update) -> std::optional<std::string> {
    if (update.ref == "refs/heads/main") return std::nullopt;
    return "only main is deployed";
  };
  handler_.onPush = [](const PushRequest&, base::ByteSink&, const std::stop_token&) {
    return PushOutcome{false, "build failed (exit 1)"};
  };
  begin();
  EXPECT_FALSE(git(work_, {"push", "fairlead", "main:other", "main"}).status.ok());
  EXPECT_THAT(lines(2),
              ::testing::UnorderedElementsAre(
                  AllOf(HasSubstr("refs/heads/main"), HasSubstr("result=\"build failed (exit 1)\"")),
                  AllOf(HasSubstr("refs/heads/other"), HasSubstr("result=\"only main is deployed\""))));
  const std::string blob = writeBlob(work_ / ".git", "evil");
  const std::string bad = writeCommit(work_ / ".git", writeTree(work_ / ".git", {{"100644", ".git", blob}}));
  EXPECT_FALSE(git(work_, {"push", "fairlead", bad + ":refs/heads/main"}).status.ok());
  EXPECT_THAT(lines(1), ElementsAre(AllOf(HasSubstr(bad), HasSubstr("hasDotgit"))));
}

TEST_F(AuditTest, EachRefHasItsOwnTime) {
  handler_.onPush = [](const PushRequest& request, base::ByteSink&, const std::stop_token&) {
    if (request.update.ref == "refs/heads/a") std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return ScriptedPushHandler::accept(request);
  };
  begin();
  ASSERT_TRUE(git(work_, {"push", "fairlead", "main:a", "main:b"}).status.ok());
  const auto all = lines(2);
  ASSERT_THAT(all, SizeIs(2));
  const auto buildMs = [](const std::string& line) {
    return std::stoi(line.substr(line.find(" build_ms=") + 10));
  };
  EXPECT_GE(buildMs(all[0]), 300);
  EXPECT_LT(buildMs(all[1]), buildMs(all[0]));
}

TEST_F(AuditTest, CountsEveryRefThatIsRefused) {
  MeteredHandler metered(handler_, metrics_);
  handler_.onOptions = [](const std::vector<std::string>& options) -> std::optional<std::string> {
    return options.empty() ? std::nullopt : std::optional<std::string>("unknown option");
  };
  handler_.onUpdate = [](const RefUpdate& update) -> std::optional<std::string> {
    return update.ref == "refs/heads/a" ? std::optional<std::string>("not this one") : std::nullopt;
  };
  config_.push.refs = 100;
  server_ =
      std::make_unique<SshServer>(config_, base::listenTcp("127.0.0.1:0", "ssh_listen"), metered, metrics_);
  repository_ = makeRepository("hello");
  work_ = makeWorkTree("work", "hello");
  std::size_t refused = 0;
  const auto expectMore = [&](std::size_t count) {
    refused += count;
    const std::string line = "fairlead_pushes_total{result=\"refused\"} " + std::to_string(refused) + "\n";
    EXPECT_TRUE(eventually([&] { return metrics_.text().find(line) != std::string::npos; }))
        << line << metrics_.text();
  };
  EXPECT_FALSE(git(work_, {"push", "-o", "x", "fairlead", "main:a", "main:b"}).status.ok());
  expectMore(2);
  EXPECT_FALSE(git(work_, {"push", "fairlead", "main:a", "main:b"}).status.ok());
  expectMore(1);
  const std::string blob = writeBlob(work_ / ".git", "evil");
  const std::string bad = writeCommit(work_ / ".git", writeTree(work_ / ".git", {{"100644", ".git", blob}}));
  EXPECT_FALSE(git(work_, {"push", "fairlead", bad + ":refs/heads/c"}).status.ok());
  expectMore(1);
  server_.reset();  // before the handler that is in front
}

TEST_F(AuditTest, KnowsOfPushesThatEndedEarly) {
  begin();
  send(git::pktLine("rubbish"));
  EXPECT_THAT(lines(1), ElementsAre(AllOf(HasSubstr("user=alice"), HasSubstr("failed: protocol error"))));
  const std::string half =
      git::pktLine(create("refs/heads/main")) + "0000PACK" + std::string("\0\0\0\2\0\0\0\5", 8);
  send(half);
  EXPECT_THAT(lines(1), ElementsAre(AllOf(HasSubstr("refs/heads/main"), HasSubstr("bytes=12"),
                                          HasSubstr("the pack ended early"))));
  // Killed while its pack is on the way.
  auto [readEnd, writeEnd] = base::makePipe();
  const base::Fd nowhere = base::openFile("/dev/null", 1);
  base::ChildSpec spec{
      .argv = sshCommand("alice"), .environment = environment("alice"), .workingDirectory = {}};
  spec.argv.insert(spec.argv.end(), {"-p", port(), "git@127.0.0.1", "git-receive-pack 'hello'"});
  spec.fds = {{&readEnd, 0}, {&nowhere, 1}, {&nowhere, 2}};
  auto client = base::ChildProcess::spawn(spec);
  base::writeAll(writeEnd, half);
  EXPECT_TRUE(eventually([&] { return !quarantineIsEmpty(repository_); }));
  client.signalGroup(SIGKILL);
  client.wait();
  EXPECT_THAT(lines(1), ElementsAre(AllOf(HasSubstr("refs/heads/main"), HasSubstr("new=" + head_),
                                          HasSubstr("result=\"dropped: "))));
  EXPECT_TRUE(eventually([&] { return quarantineIsEmpty(repository_); }));
}

TEST_F(AuditTest, OnePushDoesNotFillTheLog) {
  begin([](SshServerConfig& config) { config.push.commands = 100; });
  handler_.onUpdate = [](const RefUpdate&) { return std::optional<std::string>("no"); };
  std::string request = git::pktLine(create("refs/heads/main"));
  for (int i = 1; i < 60; ++i)
    request += git::pktLine(none_ + " " + head_ + " refs/heads/b" + std::to_string(i));
  send(request + "0000");
  const auto all = lines(21);
  ASSERT_THAT(all, SizeIs(21));
  EXPECT_THAT(all.back(), HasSubstr("more_refs=40"));
}

TEST_F(AuditTest, LimitsAreToldWithTheirSettings) {
  begin([](SshServerConfig& config) {
    config.push.commands = 2;
    config.push.optionBytes = 1000;
    config.push.refs = 1;
    config.push.commandBytes = 2000;
    config.push.diskFreeBytes = std::uint64_t{1} << 62;
  });
  EXPECT_THAT(git(work_, {"push", "fairlead", "main:a", "main:b", "main:c"}).err,
              HasSubstr("push_max_commands"));
  EXPECT_THAT(git(work_, {"push", "-o", std::string(1100, 'x'), "fairlead", "main"}).err,
              HasSubstr("push_max_option_bytes"));
  EXPECT_THAT(git(work_, {"push", "fairlead", "main:a", "main:b"}).err, HasSubstr("repository_max_refs"));
  EXPECT_THAT(git(work_, {"push", "fairlead", "main:" + std::string(190, 'x')}).err,
              HasSubstr("disk_min_free_bytes"));
  std::string many;
  for (int i = 0; i < 50; ++i)
    many += git::pktLine("shallow " + head_);
  EXPECT_THAT(send(many).err, HasSubstr("push_max_command_bytes"));
  EXPECT_TRUE(quarantineIsEmpty(repository_));
}

}  // namespace
}  // namespace gitd::testing
