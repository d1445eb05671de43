#include "sandbox/detail/wire.h"

#include <bit>
#include <cmath>

#include "base/error.h"

namespace sandbox {
namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr unsigned kByteBits = 8;
constexpr std::size_t kMaxPath = 4095;

}  // namespace

void WireWriter::put(std::uint64_t value) {
  for (std::size_t i = 0; i < kNumberBytes; ++i)
    bytes_.push_back(static_cast<char>(value >> (i * kByteBits)));
}

void WireWriter::real(double value, double /*most*/) {
  put(std::bit_cast<std::uint64_t>(value));
}

void WireWriter::text(std::string_view value, std::size_t /*maxBytes*/) {
  put(value.size());
  bytes_.append(value);
}

void WireReader::refuse(std::string_view what) {
  throw base::Error(base::Errc::invalidArgument,
                    "a message to the supervisor is not valid: " + std::string(what));
}

std::string_view WireReader::takeBytes(std::size_t count) {
  if (rest_.size() < count) refuse("it ends too early");
  const std::string_view bytes = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return bytes;
}

std::uint64_t WireReader::take() {
  std::uint64_t value = 0;
  const std::string_view bytes = takeBytes(kNumberBytes);
  for (std::size_t i = 0; i < kNumberBytes; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (i * kByteBits);
  return value;
}

void WireReader::real(double& value, double most) {
  value = std::bit_cast<double>(take());
  if (!std::isfinite(value) || std::signbit(value) || value > most) refuse("a number is out of its range");
}

void WireReader::flag(bool& value) {
  const char byte = takeBytes(1).front();
  if (byte != '\0' && byte != '\1') refuse("a flag is neither on nor off");
  value = byte == '\1';
}

void WireReader::text(std::string& value, std::size_t maxBytes) {
  const std::uint64_t size = take();
  if (size > maxBytes) refuse("a text is too long");
  value = takeBytes(static_cast<std::size_t>(size));
  if (value.find('\0') != std::string::npos) refuse("a text holds a zero byte");
}

void WireReader::path(std::filesystem::path& value) {
  std::string text;
  this->text(text, kMaxPath);
  value = text;
  if (!value.is_absolute() || value.lexically_normal().native() != text)
    refuse("a path is not absolute, or not in its shortest form");
}

void WireReader::end() const {
  if (!rest_.empty()) refuse("it is too long");
}

}  // namespace sandbox
