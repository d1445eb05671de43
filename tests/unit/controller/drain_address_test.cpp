#include "controller/drain_address.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace controller {
namespace {

TEST(DrainAddress, ThisMachineAndItsLinkAreRefused) {
  for (const char* address : {"127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1",
                              "255.255.255.255", "::", "::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1",
                              "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1"}) {
    EXPECT_THROW(requireReceiver(Poco::Net::IPAddress(address), LocalReceivers::refused), base::Error)
        << address;
    EXPECT_NO_THROW(requireReceiver(Poco::Net::IPAddress(address), LocalReceivers::allowed)) << address;
  }
}

TEST(DrainAddress, OthersAreTaken) {
  for (const char* address :
       {"10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1", "::ffff:8.8.8.8"})
    EXPECT_NO_THROW(requireReceiver(Poco::Net::IPAddress(address), LocalReceivers::refused)) << address;
}

}  // namespace
}  // namespace controller
