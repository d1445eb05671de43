#include "git/stdio_wire.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"
#include "base/fd.h"
#include "git/side_band.h"

namespace git {
namespace {

class StdioWireTest : public ::testing::Test {
 protected:
  StdioWireTest() { std::signal(SIGPIPE, SIG_IGN); }

  StdioWire::Streams streams() const { return {in_.first.get(), out_.second.get(), err_.second.get()}; }
  static std::string readAvailable(const base::Fd& fd) {
    std::string text(200'000, '\0');
    text.resize(base::readSome(fd, text.data(), text.size()));
    return text;
  }

  std::pair<base::Fd, base::Fd> in_ = base::makePipe();
  std::pair<base::Fd, base::Fd> out_ = base::makePipe();
  std::pair<base::Fd, base::Fd> err_ = base::makePipe();
};

TEST_F(StdioWireTest, FramesProgressOnlyInSideBand) {
  StdioWire wire(streams());
  wire.writeProgress("early\n");
  EXPECT_EQ(readAvailable(err_.first), "early\n");
  wire.useSideBand();
  wire.writeProgress("late\n");
  EXPECT_EQ(readAvailable(out_.first), "000a\2late\n");
}

TEST_F(StdioWireTest, FillsSilenceInSideBand) {
  StdioWire wire(streams(), {.keepalive = std::chrono::milliseconds(1)});
  wire.useSideBand();
  EXPECT_TRUE(readAvailable(out_.first).starts_with("0005\1"));
}

TEST_F(StdioWireTest, EndsWithTheClientsInput) {
  StdioWire wire(streams());
  base::writeAll(in_.second, "abc");
  in_.second.reset();
  char buffer[8];
  EXPECT_EQ(wire.read(buffer, sizeof buffer), 3u);
  EXPECT_EQ(wire.read(buffer, sizeof buffer), 0u);
}

TEST_F(StdioWireTest, TellsThatTheClientIsGone) {
  StdioWire wire(streams());
  out_.first.reset();
  EXPECT_THROW(wire.write("x"), base::Error);
  EXPECT_TRUE(wire.clientGone().stop_requested());
  wire.writeProgress("dropped");
}

TEST_F(StdioWireTest, GivesUpOnASilentClient) {
  StdioWire wire(streams(), {.timeout = std::chrono::seconds(1)});
  char buffer[8];
  try {
    wire.read(buffer, sizeof buffer);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Errc::timedOut);
  }
}

TEST_F(StdioWireTest, GathersDataInPacketsOfTheClientsLength) {
  StdioWire wire(streams());
  DataBand small(wire, kSmallBandPayload);
  small.write(std::string(1000, 'x'));
  small.flush();
  const std::string sent = readAvailable(out_.first);
  EXPECT_EQ(sent.substr(0, 6), std::string("03e8\1x"));
  EXPECT_EQ(sent.substr(1000, 5), std::string("000a\1"));
}

}  // namespace
}  // namespace git
