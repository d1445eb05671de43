#include "runner/detail/backend_connections.h"

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace runner::detail {
namespace {

namespace net = Poco::Net;
constexpr std::chrono::milliseconds kEveryTime{0};

TEST(BackendConnections, SeesAConnectionAndItsEnd) {
  net::ServerSocket server(net::SocketAddress("127.0.0.1", 0));
  const std::string address = server.address().toString();
  BackendConnections connections("/proc/net/tcp", kEveryTime);
  EXPECT_FALSE(connections.openTo(address));
  net::StreamSocket client(server.address());
  net::StreamSocket accepted = server.acceptConnection();
  EXPECT_TRUE(connections.openTo(address));
  EXPECT_FALSE(connections.openTo("127.0.0.2:" + std::to_string(server.address().port())));
  client.close();
  EXPECT_FALSE(connections.openTo(address));  // though the process has not closed its end
}

TEST(BackendConnections, ReadsTheKernelsTable) {
  const testing_support::TempFolder folder;
  folder.write(
      "tcp",
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100D20A:9C40 0500D20A:1388 01 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
      "   1: 0100D20A:9C41 0600D20A:1388 02 00000001:00000000 00:00000000 00000000     0        0 2 1\n"
      "   2: 0100D20A:9C42 0700D20A:1388 06 00000000:00000000 00:00000000 00000000     0        0 3 1\n"
      "   3: 0900D20A:1388 0100D20A:9C43 01 00000000:00000000 00:00000000 00000000     0        0 4 1\n"
      "   4: 0100D20A:9C44 zz00D20A:1388 01\n"
      "   5: nonsense\n");
  BackendConnections connections(folder / "tcp", kEveryTime);
  EXPECT_TRUE(connections.openTo("10.210.0.5:5000"));
  EXPECT_TRUE(connections.openTo("10.210.0.6:5000"));
  EXPECT_FALSE(connections.openTo("10.210.0.7:5000"));  // over, and kept by the kernel for a minute
  EXPECT_FALSE(connections.openTo("10.210.0.9:5000"));  // that is this end of another's
}

TEST(BackendConnections, LooksOnceForManyQuestions) {
  const testing_support::TempFolder folder;
  folder.write("tcp", "head\n 0: 0100D20A:9C40 0500D20A:1388 01 0\n");
  BackendConnections connections(folder / "tcp", std::chrono::hours(1));
  EXPECT_TRUE(connections.openTo("10.210.0.5:5000"));
  folder.write("tcp", "head\n");
  EXPECT_TRUE(connections.openTo("10.210.0.5:5000"));
}

TEST(BackendConnections, WithoutATableThereAreNone) {
  EXPECT_FALSE(BackendConnections("/nowhere/tcp", kEveryTime).openTo("10.210.0.5:5000"));
}

}  // namespace
}  // namespace runner::detail
