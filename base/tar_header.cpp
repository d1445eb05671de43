#include "base/tar_header.h"

#include <cstdio>
#include <string_view>

namespace base {
namespace {

constexpr std::size_t kNameBytes = 100;
constexpr std::uint64_t kMaxOctalSize = 077777777777;

/// Where the fields of a header are.
struct Field {
  std::size_t offset;
  std::size_t length;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kTime{136, 12},
    kChecksum{148, 8}, kType{156, 1}, kLink{157, 100}, kMagic{257, 8};

void put(std::string& block, Field field, std::string_view text) {
  block.replace(field.offset, std::min(text.size(), field.length), text.substr(0, field.length));
}

void putOctal(std::string& block, Field field, std::uint64_t value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%0*llo", static_cast<int>(field.length) - 1,
                static_cast<unsigned long long>(value));
  put(block, field, digits);
}

std::string headerBlock(char type, const TarEntry& entry, const std::string& name) {
  std::string block(kTarBlock, '\0');
  put(block, kName, name);
  putOctal(block, kMode, entry.mode & 07777u);
  putOctal(block, kUid, 0);
  putOctal(block, kGid, 0);
  putOctal(block, kSize, std::min(entry.sizeBytes, kMaxOctalSize));
  putOctal(block, kTime, 0);
  put(block, kType, std::string_view(&type, 1));
  put(block, kLink, entry.linkTarget);
  put(block, kMagic, std::string_view("ustar\00000", 8));
  put(block, kChecksum, "        ");
  std::uint64_t sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  putOctal(block, {kChecksum.offset, kChecksum.length - 1}, sum);
  return block;
}

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string paxRecord(std::string_view key, std::string_view value) {
  const std::string rest = " " + std::string(key) + "=" + std::string(value) + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length)
    length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

}  // namespace

std::uint64_t tarPadding(std::uint64_t sizeBytes) noexcept {
  return (kTarBlock - sizeBytes % kTarBlock) % kTarBlock;
}

std::string tarHeader(const TarEntry& entry) {
  const std::string name = entry.kind == TarEntry::Kind::folder ? entry.name + "/" : entry.name;
  std::string records;
  if (name.size() > kNameBytes) records += paxRecord("path", name);
  if (entry.linkTarget.size() > kNameBytes) records += paxRecord("linkpath", entry.linkTarget);
  if (entry.sizeBytes > kMaxOctalSize) records += paxRecord("size", std::to_string(entry.sizeBytes));
  std::string header;
  if (!records.empty()) {
    const TarEntry pax{.name = "pax", .sizeBytes = records.size()};
    header = headerBlock('x', pax, pax.name) + records;
    header.append(tarPadding(records.size()), '\0');
  }
  const char type = entry.kind == TarEntry::Kind::folder    ? '5'
                    : entry.kind == TarEntry::Kind::symlink ? '2'
                                                            : '0';
  return header + headerBlock(type, entry, name);
}

}  // namespace base
