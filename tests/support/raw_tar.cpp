#include "tests/support/raw_tar.h"

#include <array>
#include <cstdio>

namespace testing_support {
namespace {

constexpr std::size_t kBlockBytes = 512;

void put(std::string& block, std::size_t offset, std::string_view bytes) {
  block.replace(offset, bytes.size(), bytes);
}

void putOctal(std::string& block, std::size_t offset, int digits, std::uint64_t value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*llo", digits, static_cast<unsigned long long>(value));
  put(block, offset, text.data());
}

}  // namespace

RawTar& RawTar::add(const RawEntry& entry) {
  std::string block(kBlockBytes, '\0');
  put(block, 0, std::string_view(entry.name).substr(0, 100));
  putOctal(block, 100, 7, entry.mode);
  putOctal(block, 108, 7, entry.uid);
  putOctal(block, 116, 7, entry.gid);
  putOctal(block, 124, 11, entry.content.size());
  putOctal(block, 136, 11, 0);
  put(block, 148, "        ");
  block[156] = entry.type;
  put(block, 157, std::string_view(entry.link).substr(0, 100));
  put(block, 257,
      std::string_view("ustar\0"
                       "00",
                       8));
  putOctal(block, 329, 7, 0);
  putOctal(block, 337, 7, 0);
  unsigned sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  putOctal(block, 148, 6, sum);
  block[154] = '\0';
  bytes_ += block + entry.content;
  bytes_.resize((bytes_.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
  return *this;
}

RawTar& RawTar::pax(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest;
  while (rest + std::to_string(length).size() != length)
    length = rest + std::to_string(length).size();
  std::string record = std::to_string(length) + " ";
  record.append(key).append("=").append(value).append("\n");
  return add({.name = "pax", .type = 'x', .content = record});
}

std::string RawTar::bytes() const {
  return bytes_ + std::string(2 * kBlockBytes, '\0');
}

}  // namespace testing_support
