#include "git/object_id.h"

#include <algorithm>

namespace git {
namespace {

constexpr std::array<std::string_view, 5> kTypeNames = {"", "commit", "tree", "blob", "tag"};

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view name(ObjectFormat format) noexcept {
  return format == ObjectFormat::sha1 ? "sha1" : "sha256";
}

std::optional<ObjectFormat> parseObjectFormat(std::string_view name) noexcept {
  if (name == "sha1") return ObjectFormat::sha1;
  if (name == "sha256") return ObjectFormat::sha256;
  return std::nullopt;
}

std::string_view name(ObjectType type) noexcept {
  return kTypeNames[static_cast<std::size_t>(type)];
}

std::optional<ObjectType> parseObjectType(std::string_view name) noexcept {
  for (std::size_t each = 1; each < kTypeNames.size(); ++each) {
    if (kTypeNames[each] == name) return static_cast<ObjectType>(each);
  }
  return std::nullopt;
}

std::optional<ObjectId> ObjectId::parse(ObjectFormat format, std::string_view hex) noexcept {
  if (hex.size() != idSize(format) * 2) return std::nullopt;
  ObjectId id = null(format);
  for (std::size_t at = 0; at < idSize(format); ++at) {
    const int high = hexValue(hex[at * 2]);
    const int low = hexValue(hex[at * 2 + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes_[at] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return id;
}

bool ObjectId::isNull() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string ObjectId::hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(size() * 2);
  for (std::size_t at = 0; at < size(); ++at) {
    text.push_back(kDigits[bytes_[at] >> 4]);
    text.push_back(kDigits[bytes_[at] & 15]);
  }
  return text;
}

}  // namespace git
