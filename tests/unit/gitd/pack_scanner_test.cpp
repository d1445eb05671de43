#include "gitd/detail/pack_scanner.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <vector>

#include "base/error.h"

namespace gitd::detail {
namespace {

const PackLimits kLimits{1u << 20, 1000, 1u << 20};

std::string deflated(const std::string& plain) {
  std::string out(compressBound(plain.size()), '\0');
  uLongf length = out.size();
  compress(reinterpret_cast<Bytef*>(out.data()), &length, reinterpret_cast<const Bytef*>(plain.data()),
           plain.size());
  out.resize(length);
  return out;
}

std::string objectHeader(unsigned type, std::uint64_t size) {
  std::string out;
  auto byte = static_cast<unsigned char>(type << 4 | (size & 15));
  for (size >>= 4; size > 0; size >>= 7) {
    out.push_back(static_cast<char>(byte | 0x80));
    byte = static_cast<unsigned char>(size & 0x7f);
  }
  out.push_back(static_cast<char>(byte));
  return out;
}

std::string pack(const std::vector<std::string>& objects, int version = 2) {
  std::string out = "PACK";
  out.append({0, 0, 0, static_cast<char>(version)}).append({0, 0, 0, static_cast<char>(objects.size())});
  for (const std::string& object : objects)
    out += object;
  return out + std::string(20, 'T');
}

std::string blob(const std::string& content) {
  return objectHeader(3, content.size()) + deflated(content);
}

std::string refusal(const std::string& bytes, const PackLimits& limits = kLimits) {
  PackScanner scanner(limits);
  try {
    scanner.scan(bytes);
  } catch (const base::Error& error) {
    return error.what();
  }
  return scanner.complete() ? "" : "incomplete";
}

TEST(PackScanner, FindsTheEndHoweverTheBytesCome) {
  const std::string delta =
      objectHeader(7, 4) + std::string(20, 'b') + deflated(std::string("\x05\x05\x90\x05", 4));
  const std::string offsetDelta =
      objectHeader(6, 4) + "\x81\x05" + deflated(std::string("\x05\x05\x90\x05", 4));
  const std::string bytes =
      pack({blob("hello"), blob(""), blob(std::string(200'000, 'x')), delta, offsetDelta});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, bytes.size() + 5}) {
    PackScanner scanner(kLimits);
    const std::string sent = bytes + "after";
    std::size_t at = 0;
    while (!scanner.complete()) {
      const std::size_t given = std::min(piece, sent.size() - at);
      ASSERT_GT(given, 0u);
      at += scanner.scan(std::string_view(sent).substr(at, given));
    }
    EXPECT_EQ(at, bytes.size());
    EXPECT_EQ(scanner.objects(), 5u);
    EXPECT_EQ(scanner.bytes(), bytes.size());
    EXPECT_EQ(scanner.scan("more"), 0u);
  }
}

TEST(PackScanner, TakesAPackWithoutObjects) {
  EXPECT_EQ(refusal(pack({})), "");
}

TEST(PackScanner, RefusesWhatIsNoPack) {
  EXPECT_NE(refusal("PACQ" + std::string(8, '\0')), "incomplete");
  EXPECT_NE(refusal(pack({}, 4)).find("version 4"), std::string::npos);
  EXPECT_NE(refusal(pack({objectHeader(0, 1)})).find("type 0"), std::string::npos);
  EXPECT_NE(refusal(pack({objectHeader(5, 1)})).find("type 5"), std::string::npos);
  EXPECT_NE(refusal(pack({std::string(12, '\xff')})).find("size"), std::string::npos);
  EXPECT_NE(refusal(pack({objectHeader(3, 5) + "no zlib data"})).find("damaged"), std::string::npos);
  EXPECT_NE(refusal(pack({objectHeader(6, 4) + std::string(12, '\xff')})).find("offset"), std::string::npos);
}

TEST(PackScanner, RefusesSizesThatAreNotTrue) {
  EXPECT_NE(refusal(pack({objectHeader(3, 4) + deflated("hello")})).find("longer"), std::string::npos);
  EXPECT_NE(refusal(pack({objectHeader(3, 6) + deflated("hello")})).find("shorter"), std::string::npos);
  EXPECT_NE(refusal(pack({objectHeader(7, 1) + std::string(20, 'b') + deflated("\x85")})).find("delta"),
            std::string::npos);
}

TEST(PackScanner, NamesTheSettingOfALimit) {
  EXPECT_NE(refusal(pack({blob("a"), blob("b")}), {1u << 20, 1, 1u << 20}).find("pack_max_objects"),
            std::string::npos);
  EXPECT_NE(refusal(pack({blob("hello")}), {20, 10, 1u << 20}).find("pack_max_bytes"), std::string::npos);
  // By the header alone: nothing was unpacked yet.
  EXPECT_NE(refusal(pack({objectHeader(3, 1u << 30)})).find("object_max_bytes"), std::string::npos);
  // A delta of a few bytes that would expand to a gigabyte.
  const std::string bomb = objectHeader(7, 9) + std::string(20, 'b') +
                           deflated(std::string("\x05\x80\x80\x80\x80\x04\x90\x05\x00", 9));
  EXPECT_NE(refusal(pack({bomb})).find("object_max_bytes"), std::string::npos);
}

TEST(PackScanner, SeesThatAPackIsCutOff) {
  const std::string whole = pack({blob("hello"), blob("world")});
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(refusal(whole.substr(0, length)), "incomplete") << length;
}

}  // namespace
}  // namespace gitd::detail
