// The socket behind `fairlead ssh-shell`.
#include "gitd/shell_server.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "base/error.h"
#include "gitd/detail/shell_protocol.h"
#include "gitd/shell_client.h"
#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using detail::ShellCall;
using detail::ShellFrame;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ShellServerTest : public ServerTest {
 protected:
  struct Said {
    std::string out;
    std::string err;
    int status = -1;
  };

  void begin(std::optional<uid_t> user = std::nullopt) {
    shell_.emplace(ShellServerConfig{.socketFile = file_, .user = user}, config_, handler_, metrics_);
    fingerprint_ = handler_.users.begin()->first;
  }
  void TearDown() override { shell_.reset(); }

  base::Fd call(const std::string& bytes) const {
    base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, file_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    base::writeAll(socket, bytes);
    return socket;
  }
  base::Fd serve(const std::string& command) const {
    return call(
        detail::encodeCall({ShellCall::Want::serve, fingerprint_, command, "version=2", "192.0.2.1:5"}));
  }
  static Said hear(const base::Fd& socket) {
    Said said;
    detail::ShellFrames frames;
    std::string buffer(4096, '\0');
    while (const std::size_t count = base::readSome(socket, buffer.data(), buffer.size())) {
      frames.append(std::string_view(buffer).substr(0, count));
      while (const auto frame = frames.next()) {
        if (frame->kind == ShellFrame::out) said.out += frame->bytes;
        if (frame->kind == ShellFrame::err) said.err += frame->bytes;
        if (frame->kind == ShellFrame::exit) said.status = static_cast<unsigned char>(frame->bytes.at(0));
      }
    }
    return said;
  }

  const std::filesystem::path file_ = folder_ / "git.sock";
  std::optional<ShellServer> shell_;
  std::string fingerprint_;
};

TEST_F(ShellServerTest, RunsACommandWithItsStreamsAndStatus) {
  handler_.onCommand = [](const std::vector<std::string>& argv, CommandStreams& streams,
                          const std::stop_token&) {
    streams.out().write(std::string(300'000, 'x') + argv.at(0) + "\n");
    streams.err().write("to err\n");
    return 42;
  };
  begin();
  const Said said = hear(serve("logs"));
  EXPECT_EQ(said.out, std::string(300'000, 'x') + "logs\n");
  EXPECT_EQ(said.err, "to err\n");
  EXPECT_EQ(said.status, 42);
}

TEST_F(ShellServerTest, ListsRefsByProtocol2) {
  begin();
  makeRepository("hello");
  const base::Fd socket = serve("git-upload-pack '/hello.git'");
  base::writeAll(socket, "0000");
  ::shutdown(socket.get(), SHUT_WR);
  const Said said = hear(socket);
  EXPECT_THAT(said.out, HasSubstr("version 2\n"));
  EXPECT_EQ(said.status, 0) << said.err;
}

TEST_F(ShellServerTest, AnswersWhetherAKeyIsKnown) {
  begin();
  EXPECT_TRUE(isKeyKnown(file_, fingerprint_));
  EXPECT_FALSE(isKeyKnown(file_, "SHA256:unknown"));
}

TEST_F(ShellServerTest, SaysThatKeysCannotBeLookedUp) {
  begin();
  handler_.storeFails = true;
  const Said said = hear(serve("apps"));
  EXPECT_THAT(said.err, HasSubstr("the server cannot look up keys now"));
  EXPECT_EQ(said.status, 1);
  EXPECT_FALSE(isKeyKnown(file_, fingerprint_));
}

TEST_F(ShellServerTest, CountsItsSessions) {
  begin();
  makeRepository("hello");
  hear(serve("apps"));
  base::writeAll(serve("git-upload-pack '/hello.git'"), "0000");
  EXPECT_TRUE(eventually([&] {
    const std::string text = metrics_.text();
    return text.find("fairlead_ssh_sessions_total{service=\"command\"} 1\n") != std::string::npos &&
           text.find("fairlead_ssh_sessions_total{service=\"upload-pack\"} 1\n") != std::string::npos;
  })) << metrics_.text();
}

TEST_F(ShellServerTest, RefusesAnUnknownKeyWithASentence) {
  begin();
  const Said said =
      hear(call(detail::encodeCall({ShellCall::Want::serve, "SHA256:unknown", "apps", "", ""})));
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(said.err, HasSubstr("key SHA256:unknown is not known here; add it with: fairlead keys:add"));
}

TEST_F(ShellServerTest, HangsUpOnNonsense) {
  begin();
  for (const std::string& text : {std::string("nonsense\n"), std::string("{}\n"),
                                  std::string("{\"want\":1}\n"), std::string(200'000, 'x')}) {
    const base::Fd socket = call("");
    ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    char byte;
    EXPECT_LE(::recv(socket.get(), &byte, 1, 0), 0);
  }
  EXPECT_TRUE(isKeyKnown(file_, fingerprint_));
}

TEST_F(ShellServerTest, AClientThatHangsUpIsGone) {
  std::atomic<bool> running{false};
  std::atomic<bool> stopped{false};
  handler_.onCommand = [&](const std::vector<std::string>&, CommandStreams&, const std::stop_token& gone) {
    running = true;
    while (!gone.stop_requested())
      std::this_thread::sleep_for(1ms);
    stopped = true;
    return 0;
  };
  begin();
  base::Fd socket = serve("logs");
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  ::shutdown(socket.get(), SHUT_WR);  // the end of its input only
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(stopped);
  socket.reset();
  EXPECT_TRUE(eventually([&] { return stopped.load(); }));
}

/// What becomes of a connection of another user: its answer to whether the key is known, or that there is
/// none. By a process, since a user is a whole process's.
int asUser(uid_t user, const std::filesystem::path& file, const std::string& fingerprint) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(user) != 0 || ::setuid(user) != 0) ::_exit(9);
    try {
      ::_exit(isKeyKnown(file, fingerprint) ? 0 : 1);
    } catch (const base::Error&) {
      ::_exit(2);
    }
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(ShellServerTest, IsForTheNamedUserWhoeverElseCanConnect) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be others";
  constexpr uid_t kNamed = 65'001;
  constexpr uid_t kOther = 65'002;
  begin(kNamed);
  std::filesystem::permissions(file_.parent_path(), std::filesystem::perms::others_exec,
                               std::filesystem::perm_options::add);
  struct stat info {};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666u);
  EXPECT_EQ(info.st_uid, ::geteuid());
  EXPECT_EQ(asUser(kNamed, file_, fingerprint_), 0);
  EXPECT_EQ(asUser(kOther, file_, fingerprint_), 2);
}

TEST_F(ShellServerTest, IsForItsOwnerOnlyAndGoesWithTheServer) {
  begin();
  struct stat info {};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  shell_->stop(0ms);
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_THROW(isKeyKnown(file_, fingerprint_), base::Error);
}

}  // namespace
}  // namespace gitd::testing
