#include "base/tcp_listener.h"

#include <gmock/gmock.h>

#include <string>

#include "base/error.h"

namespace base {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string refusal(const std::string& address, Errc code) {
  try {
    listenTcp(address, "ssh_listen");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << address;
    return error.what();
  }
  ADD_FAILURE() << "listens on " << address;
  return "";
}

TEST(TcpListener, TellsThePortItGot) {
  const TcpListener listener = listenTcp("127.0.0.1:0", "ssh_listen");
  EXPECT_THAT(listener.address, StartsWith("127.0.0.1:"));
  EXPECT_THAT(listener.address, Not(EndsWith(":0")));
}

TEST(TcpListener, TakesEveryInterfaceWithoutAHost) {
  EXPECT_THAT(listenTcp(":0", "ssh_listen").address, StartsWith("0.0.0.0:"));
  EXPECT_THAT(listenTcp("*:0", "ssh_listen").address, StartsWith("0.0.0.0:"));
}

TEST(TcpListener, SaysThatAPortIsTakenAndWhatToChange) {
  const TcpListener first = listenTcp("127.0.0.1:0", "ssh_listen");
  EXPECT_EQ(refusal(first.address, Errc::unavailable),
            "cannot listen on " + first.address + ": address already in use; choose another with ssh_listen");
}

TEST(TcpListener, RejectsAddressesThatAreNone) {
  for (const char* address : {"", "host", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536", "1.2.3.4:-1"})
    EXPECT_THAT(refusal(address, Errc::invalidArgument), HasSubstr("write HOST:PORT in ssh_listen"));
}

TEST(TcpListener, RejectsHostsThatAreNotOfThisMachine) {
  EXPECT_THAT(refusal("203.0.113.7:0", Errc::unavailable), HasSubstr("choose another with ssh_listen"));
}

}  // namespace
}  // namespace base
