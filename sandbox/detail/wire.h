// Values as bytes, for messages between two processes of one binary: numbers in 8 bytes (little endian),
// texts and lists with their length in front. Writing and reading are one function per struct, over either of
// these two classes, so that they cannot differ.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// Most that one text has. The kernel takes no longer argument or variable.
inline constexpr std::size_t kMaxText = 128u << 10;

/// One thread at a time. What it is given must be what WireReader takes; that is not checked here.
class WireWriter {
 public:
  template <typename T>
  using Value = const T;

  template <std::integral T>
  void number(T value, T /*least*/, T /*most*/) {
    put(static_cast<std::uint64_t>(value));
  }
  void real(double value, double /*most*/);
  void flag(bool value) { bytes_.push_back(value ? '\1' : '\0'); }
  void text(std::string_view value, std::size_t /*maxBytes*/ = kMaxText);
  void path(const std::filesystem::path& value) { text(value.native()); }
  /// `each(item)` writes one.
  template <typename T, typename Each>
  void list(const std::vector<T>& values, std::size_t /*maxCount*/, const Each& each) {
    put(values.size());
    for (const T& value : values)
      each(value);
  }
  template <typename T, typename Each>
  void optional(const std::optional<T>& value, const Each& each) {
    flag(value.has_value());
    if (value) each(*value);
  }
  void end() const noexcept {}

  const std::string& bytes() const noexcept { return bytes_; }

 private:
  void put(std::uint64_t value);

  std::string bytes_;
};

/// Believes nothing: each read throws Error(invalidArgument) for a value outside of its limits, or when the
/// bytes are over. What is read takes memory in proportion to the bytes that are there. One thread at a time.
class WireReader {
 public:
  template <typename T>
  using Value = T;

  /// Borrowed for the object's life.
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  template <std::integral T>
  void number(T& value, T least, T most) {
    const std::uint64_t raw = take();
    value = static_cast<T>(raw);
    if (static_cast<std::uint64_t>(value) != raw || value < least || value > most)
      refuse("a number is out of its range");
  }
  /// 0 to `most`; never an infinity or no number.
  void real(double& value, double most);
  void flag(bool& value);
  /// Without a zero byte in it.
  void text(std::string& value, std::size_t maxBytes = kMaxText);
  /// Absolute, in its shortest form: without "..", "." or a second slash.
  void path(std::filesystem::path& value);
  template <typename T, typename Each>
  void list(std::vector<T>& values, std::size_t maxCount, const Each& each) {
    const std::uint64_t count = take();
    // Each takes a byte at least.
    if (count > maxCount || count > rest_.size()) refuse("a list is too long");
    values.clear();
    for (std::uint64_t i = 0; i < count; ++i)
      each(values.emplace_back());
  }
  template <typename T, typename Each>
  void optional(std::optional<T>& value, const Each& each) {
    bool there = false;
    flag(there);
    value.reset();
    if (there) each(value.emplace());
  }
  /// Nothing may be left.
  void end() const;

  [[noreturn]] static void refuse(std::string_view what);

 private:
  std::uint64_t take();
  std::string_view takeBytes(std::size_t count);

  std::string_view rest_;
};

}  // namespace sandbox
