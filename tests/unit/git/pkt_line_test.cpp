#include "git/pkt_line.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/byte_streams.h"

namespace git {
namespace {

using testing_support::StringSource;

std::string refusal(const std::string& bytes) {
  StringSource source(bytes);
  PktReader reader(source);
  try {
    while (reader.next().kind != PktKind::endOfInput) {
    }
  } catch (const base::Error& error) {
    return std::string(base::name(error.code()));
  }
  return "";
}

TEST(PktLine, WritesTheLengthInFrontOfThePayload) {
  EXPECT_EQ(pktLine("a\n"), "0006a\n");
  EXPECT_EQ(pktLine(""), "0004");
  EXPECT_EQ(pktLine(std::string(kMaxPktPayload, 'x')).substr(0, 5), "fff0x");
}

TEST(PktLine, ReadsPacketsInPiecesOfAnySize) {
  for (const std::size_t piece : {1u, 3u, 4u, 1000u}) {
    StringSource source(
        "0006a\n0000"
        "0001"
        "0002"
        "0005b"
        "0004",
        piece);
    PktReader reader(source);
    Pkt pkt = reader.next();
    EXPECT_EQ(pkt.kind, PktKind::data);
    EXPECT_EQ(pkt.payload, "a");
    EXPECT_EQ(reader.next().kind, PktKind::flush);
    EXPECT_EQ(reader.next().kind, PktKind::delim);
    EXPECT_EQ(reader.next().kind, PktKind::responseEnd);
    EXPECT_EQ(reader.next().payload, "b");
    pkt = reader.next();
    EXPECT_EQ(pkt.kind, PktKind::data);
    EXPECT_EQ(pkt.payload, "");
    EXPECT_EQ(reader.next().kind, PktKind::endOfInput);
  }
}

TEST(PktLine, GivesTheRawBytesBehindThePackets) {
  StringSource source("0000PACKrest", 6);
  PktReader reader(source);
  EXPECT_EQ(reader.next().kind, PktKind::flush);
  std::string all;
  char buffer[3];
  while (const std::size_t count = reader.read(buffer, sizeof buffer))
    all.append(buffer, count);
  EXPECT_EQ(all, "PACKrest");
}

TEST(PktLine, RejectsLengthThree) {
  EXPECT_EQ(refusal("0003"), "invalidArgument");
}
TEST(PktLine, RejectsLettersForALength) {
  EXPECT_EQ(refusal("00zz"), "invalidArgument");
}
TEST(PktLine, RejectsPacketsOverTheLimit) {
  EXPECT_EQ(refusal("fff1" + std::string(70'000, 'x')), "invalidArgument");
}
TEST(PktLine, RejectsAnEndInsideAPacket) {
  EXPECT_EQ(refusal("000"), "io");
  EXPECT_EQ(refusal("0009ab"), "io");
}

}  // namespace
}  // namespace git
