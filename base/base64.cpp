#include "base/base64.h"

#include <cstddef>
#include <cstdint>

namespace base {
namespace {

constexpr std::string_view kCommon = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr unsigned kDigitBits = 6;
constexpr unsigned kByteBits = 8;

char digit(std::uint32_t value, std::string_view last) {
  return value < kCommon.size() ? kCommon[value] : last[value - kCommon.size()];
}

int valueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

/// `last` are the digits 62 and 63.
std::string encode(std::string_view bytes, std::string_view last) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = bits << kByteBits | static_cast<unsigned char>(c);
    count += kByteBits;
    while (count >= kDigitBits) {
      count -= kDigitBits;
      text += digit(bits >> count & 63, last);
    }
    bits &= (1u << count) - 1;
  }
  if (count > 0) text += digit(bits << (kDigitBits - count) & 63, last);
  return text;
}

}  // namespace

std::string toBase64(std::string_view bytes) {
  std::string text = encode(bytes, "+/");
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string toBase64Url(std::string_view bytes) {
  return encode(bytes, "-_");
}

std::optional<std::string> fromBase64(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding)
      text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int value = valueOf(c);
    if (value < 0) return std::nullopt;
    bits = bits << kDigitBits | static_cast<std::uint32_t>(value);
    count += kDigitBits;
    if (count < kByteBits) continue;
    count -= kByteBits;
    bytes += static_cast<char>(bits >> count & 0xff);
    bits &= (1u << count) - 1;
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

}  // namespace base
