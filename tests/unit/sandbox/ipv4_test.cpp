#include "sandbox/detail/ipv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace sandbox {
namespace {

Ipv4Network net(const char* text) {
  return Ipv4Network::parse(text);
}

TEST(Ipv4Network, ParsesStrictly) {
  EXPECT_EQ(net("10.210.4.0/22").str(), "10.210.4.0/22");
  EXPECT_EQ(net("0.0.0.0/0").str(), "0.0.0.0/0");
  for (const char* text : {"", "10.210.0.0", "10.210.0.0/33", "10.210.0.1/16", "10.210/16", "fd00::/16",
                           "10.210.0.0/x", "10.210.0.0/-1"})
    EXPECT_THROW(net(text), base::Error) << text;
}

TEST(Ipv4Network, Overlaps) {
  EXPECT_TRUE(net("10.210.4.0/22").overlaps(net("10.210.7.0/24")));
  EXPECT_TRUE(net("10.210.7.0/24").overlaps(net("10.210.4.0/22")));
  EXPECT_TRUE(net("10.210.4.0/22").overlaps(net("10.0.0.0/8")));
  EXPECT_FALSE(net("10.210.4.0/22").overlaps(net("10.210.8.0/22")));
}

TEST(Ipv4Routes, ReadsTheKernelsTable) {
  const char* table =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "tun0\t0004D20A\t00000000\t0001\t0\t0\t0\t00FCFFFF\t0\t0\t0\n";
  const auto routes = parseRoutes(table);
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes[0].network, net("192.0.2.0/24"));
  EXPECT_EQ(routes[1].network, net("10.210.4.0/22"));
  EXPECT_EQ(routes[1].interface, "tun0");
  EXPECT_EQ(defaultInterface(table), "eth0");
  EXPECT_EQ(defaultInterface(""), "");
}

TEST(FreeNetwork, TakesTheFirstFreeOneFromTheStart) {
  const Ipv4Network pool = net("10.210.0.0/16");
  EXPECT_EQ(freeNetwork(pool, 22, 0, {}), net("10.210.0.0/22"));
  EXPECT_EQ(freeNetwork(pool, 22, 1, {{net("10.210.4.0/24"), "a"}, {net("10.210.8.0/21"), "b"}}),
            net("10.210.16.0/22"));
  EXPECT_EQ(freeNetwork(pool, 22, 63, {{net("10.210.252.0/22"), "a"}}), net("10.210.0.0/22"));
  EXPECT_EQ(freeNetwork(pool, 22, 64 + 2, {}), net("10.210.8.0/22"));
}

TEST(FreeNetwork, UsesPartOfAWiderRouteOnlyWhenNothingElseIsLeft) {
  const Ipv4Network pool = net("10.210.0.0/16");
  EXPECT_EQ(freeNetwork(pool, 22, 5, {{net("10.0.0.0/8"), "vpn"}}), net("10.210.20.0/22"));
  EXPECT_EQ(freeNetwork(pool, 22, 5, {{net("10.0.0.0/8"), "vpn"}, {net("10.210.20.0/22"), "other"}}),
            net("10.210.24.0/22"));
  EXPECT_EQ(freeNetwork(pool, 22, 5, {{net("10.210.0.0/16"), "other"}}), std::nullopt);
  EXPECT_TRUE(usable(net("10.210.20.0/22"), pool, {{net("10.0.0.0/8"), "vpn"}}));
  EXPECT_FALSE(usable(net("10.210.20.0/22"), pool, {{net("10.210.21.0/24"), "other"}}));
}

}  // namespace
}  // namespace sandbox
