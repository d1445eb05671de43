#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/fd.h"
#include "base/json.h"
#include "tests/unit/sandbox/runtime_fixture.h"

namespace sandbox_test {
namespace {

using sandbox::ContainerSpec;
using sandbox::RunningContainer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A TCP socket listening on an address of the host, at a free port.
struct Listener {
  explicit Listener(const std::string& address) : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::listen(socket.get(), 5), 0);
    socklen_t length = sizeof name;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &length);
    port = ntohs(name.sin_port);
  }
  base::Fd socket;
  int port = 0;
};

bool canConnect(const std::string& address, std::uint16_t port) {
  const base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0;
}

class NetworkTest : public RuntimeTest {
 protected:
  ContainerSpec networked(const std::string& script) {
    ContainerSpec spec = shell(script);
    spec.network = true;
    return spec;
  }
  RunningContainer startServer() {
    const RunningContainer started =
        runtime_->start(networked("nc -ll -p 8080 -e /bin/echo hello"), folder_->path() / "server.log");
    for (int i = 0; i < 300 && !canConnect(started.address, 8080); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return started;
  }
  std::string networkedOutput(const std::string& script) {
    run(networked(script));
    return output_;
  }
};

TEST_F(NetworkTest, GivesAnAddressOfTheFoldersSubnet) {
  const std::string text = networkedOutput("ip -4 -o addr show eth0; ip route; cat /etc/hosts; hostname");
  EXPECT_THAT(text, HasSubstr("inet 10.210."));
  EXPECT_THAT(text, HasSubstr("/22 "));
  EXPECT_THAT(text, HasSubstr("default via 10.210."));
  EXPECT_THAT(text, ::testing::ContainsRegex("\n10.210.[0-9.]+\ttest-[0-9]+\n"));
}

/// One line for each attempt, "NAME SECONDS": whole seconds that it took to fail, or "reached".
std::string attempt(const std::string& address, const std::string& port) {
  return "s=$(date +%s); if nc -w 5 " + address + " " + port + " </dev/null 2>/dev/null; then echo reached " +
         address + "; else echo " + address + " $(($(date +%s) - s)); fi\n";
}

TEST_F(NetworkTest, TheHostReachesAServerOtherContainersDoNot) {
  const RunningContainer server = startServer();
  EXPECT_THAT(server.address, StartsWith("10.210."));
  EXPECT_TRUE(canConnect(server.address, 8080));
  // The bridge passes nothing between them: the host answers for the address, and refuses.
  EXPECT_THAT(networkedOutput(attempt(server.address, "8080")), ::testing::Not(HasSubstr("reached")));
  // By way of the host it is refused at once.
  const std::string byHost = "ip route del 10.210.0.0/16 2>/dev/null; ";
  EXPECT_THAT(networkedOutput(byHost + attempt(server.address, "8080")),
              ::testing::Not(HasSubstr("reached")));
}

TEST_F(NetworkTest, ThoseOfAGroupReachEachOtherByName) {
  const RunningContainer server = startServer();
  const auto start = [&](const std::string& name, const std::string& script) {
    ContainerSpec spec = networked(script);
    return runtime_->start(spec, folder_->path() / name).id;
  };
  const std::string ask = "while :; do nc -w 1 web.1 8080 </dev/null; echo asked; sleep 0.05; done 2>&1";
  const std::string friendly = start("friend.log", ask);
  const std::string stranger =
      start("stranger.log",
            "while :; do nc -w 1 " + server.address + " 8080 </dev/null; echo asked; sleep 0.05; done 2>&1");
  const auto logHas = [&](const char* name, const std::string& text, std::size_t from) {
    for (int i = 0; i < 1000; ++i) {
      const std::string log = base::readFile(folder_->path() / name);
      if (log.find(text, std::min(from, log.size())) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  const auto sizeOf = [&](const char* name) { return base::readFile(folder_->path() / name).size(); };
  ASSERT_TRUE(logHas("friend.log", "asked", 0));
  EXPECT_EQ(base::readFile(folder_->path() / "friend.log").find("hello"), std::string::npos);
  runtime_->setNetworkGroups(
      {{"one", {{server.id, {"web.1", "web"}}, {friendly, {}}}}, {"two", {{stranger, {"other"}}}}});
  EXPECT_TRUE(logHas("friend.log", "hello", 0));
  ASSERT_TRUE(logHas("stranger.log", "asked", sizeOf("stranger.log")));
  EXPECT_EQ(base::readFile(folder_->path() / "stranger.log").find("hello"), std::string::npos);
  // And no more.
  runtime_->setNetworkGroups({});
  ASSERT_TRUE(logHas("friend.log", "asked", sizeOf("friend.log")));
  const std::size_t from = sizeOf("friend.log");
  ASSERT_TRUE(logHas("friend.log", "asked", from));
  EXPECT_EQ(base::readFile(folder_->path() / "friend.log").find("hello", from), std::string::npos);
  for (const std::string& id : {server.id, friendly, stranger})
    runtime_->remove(id);
}

TEST_F(NetworkTest, OneThatNamesItsGroupIsInItFromItsFirstInstructionToItsEnd) {
  const RunningContainer server = startServer();
  const std::vector<sandbox::NetworkGroup> groups{{"one", {{server.id, {"web.1"}}}}};
  runtime_->setNetworkGroups(groups);
  ContainerSpec spec = networked("nc -w 5 web.1 8080 </dev/null");
  spec.networkGroup = "one";
  run(spec);
  EXPECT_THAT(output_, HasSubstr("hello"));
  // Of another group, or none.
  for (const char* group : {"two", ""}) {
    ContainerSpec other = networked("nc -w 2 " + server.address + " 8080 </dev/null; cat /etc/hosts");
    other.networkGroup = group;
    run(other);
    EXPECT_THAT(output_, ::testing::Not(HasSubstr("hello"))) << group;
    EXPECT_THAT(output_, ::testing::Not(HasSubstr("web.1"))) << group;
  }
  // It stays when the groups are said anew, also by another object for the same folder.
  ContainerSpec lasting = networked("while :; do nc -w 1 web.1 8080 </dev/null; sleep 0.05; done 2>&1");
  lasting.networkGroup = "one";
  const std::string id = runtime_->start(lasting, folder_->path() / "lasting.log").id;
  const auto another = anotherRuntime();
  another->setNetworkGroups(groups);
  const auto from = base::readFile(folder_->path() / "lasting.log").size();
  const auto answered = [&] {
    return base::readFile(folder_->path() / "lasting.log").find("hello", from) != std::string::npos;
  };
  for (int i = 0; i < 1000 && !answered(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(answered());
  another->remove(id);
  another->remove(server.id);
  runtime_->setNetworkGroups({});
}

TEST_F(NetworkTest, TheHostsOwnAddressesAndMetadataAreRefusedAtOnce) {
  const Listener listener("0.0.0.0");
  const std::string port = std::to_string(listener.port);
  const std::string gateway = "$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p')";
  const std::string text =
      networkedOutput("g=" + gateway + "\n" + attempt("$g", port) + attempt("169.254.169.254", "80") +
                      attempt("100.100.100.200", "80") + attempt("168.63.129.16", "80") + "echo end");
  EXPECT_THAT(text, ::testing::ContainsRegex("10\\.210\\.[0-9.]+ [01]\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("169\\.254\\.169\\.254 [01]\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("100\\.100\\.100\\.200 [01]\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("168\\.63\\.129\\.16 [01]\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("reached")));
}

TEST_F(NetworkTest, AFilterRefusesNamesAndAddressesAtOnceAndTellsThem) {
  ContainerSpec spec = networked(
      "cat /etc/resolv.conf; s=$(date +%s)\n"
      "nslookup Not-Listed.example.org; nslookup other.example.org\n"
      "ping -c 1 not-listed.example.org\n" +
      attempt("192.0.2.77", "80") + attempt("192.0.2.78", "443") + "echo took $(($(date +%s) - s))");
  spec.filter = {.hosts = {{.name = "allowed.example.org", .port = 0}, {.name = "192.0.2.78", .port = 80}}};
  std::vector<std::string> refused;
  sandbox::RunOptions options;
  options.onRefusedHost = [&](const std::string& host) { refused.push_back(host); };
  run(spec, options);
  EXPECT_THAT(output_, StartsWith("nameserver 127.0.0.1\n"));
  EXPECT_THAT(output_, ::testing::ContainsRegex("192\\.0\\.2\\.77 [01]\n192\\.0\\.2\\.78 [01]\n"));
  EXPECT_THAT(output_, ::testing::ContainsRegex("took [0-4]\n"));
  EXPECT_THAT(refused, ::testing::UnorderedElementsAre("not-listed.example.org", "other.example.org",
                                                       "192.0.2.77:80", "192.0.2.78:443"));
}

TEST_F(NetworkTest, WithoutANetworkAFilterTellsWhatWasAskedFor) {
  ContainerSpec spec = shell("nslookup a.example.org >/dev/null 2>&1 || echo unknown; ls /sys/class/net");
  spec.filter.emplace();
  std::vector<std::string> refused;
  sandbox::RunOptions options;
  options.onRefusedHost = [&](const std::string& host) { refused.push_back(host); };
  run(spec, options);
  EXPECT_EQ(output_, "unknown\nlo\n");
  EXPECT_THAT(refused, ::testing::ElementsAre("a.example.org"));
}

TEST_F(NetworkTest, TheHostsLoopbackIsOutOfReach) {
  const Listener listener("127.0.0.1");
  const std::string port = std::to_string(listener.port);
  const std::string script =
      "g=$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'); for a in 127.0.0.1 $g; do nc -w 2 $a " +
      port + " </dev/null && echo reached $a; done; echo end";
  EXPECT_THAT(networkedOutput(script), ::testing::EndsWith("end\n"));
  EXPECT_THAT(output_, ::testing::Not(HasSubstr("reached")));
}

TEST_F(NetworkTest, WithoutNetworkThereIsOnlyLoopback) {
  EXPECT_EQ(outputOf("ls /sys/class/net; ip -o link show lo | grep -c UP; ip route; nc -w 1 10.210.0.1 53 "
                     "</dev/null 2>/dev/null || echo unreachable"),
            "lo\n1\nunreachable\n");
}

TEST_F(NetworkTest, KeepsItsSubnetAndBridgeForAllContainers) {
  const RunningContainer first = startServer();
  const auto text = base::readFile(config().folder / "network.json");
  const RunningContainer second = runtime_->start(networked("sleep 100"), folder_->path() / "log");
  EXPECT_NE(first.address, second.address);
  runtime_->remove(second.id);
  EXPECT_TRUE(canConnect(first.address, 8080)) << "the network went with the second container";
  runtime_->remove(first.id);
  const std::string bridge = base::jsonString(base::parseJsonObject(text, "network"), "bridge");
  EXPECT_EQ(::if_nametoindex(bridge.c_str()), 0u);
  startServer();
  EXPECT_EQ(base::readFile(config().folder / "network.json"), text);
}

}  // namespace
}  // namespace sandbox_test
