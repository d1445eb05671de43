// Replaces secrets in a stream of text.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace base {

/// What is to be replaced: each value of at least 8 bytes by "[NAME]". A value of several lines is looked for
/// line by line, and a line of more than 64 bytes in pieces of 64. Immutable: shared by any number of
/// streams.
class Secrets {
 public:
  static constexpr std::size_t kShortest = 8;
  explicit Secrets(const std::map<std::string, std::string>& values);
  bool empty() const noexcept { return pieces_.empty(); }

 private:
  friend class SecretMask;
  struct Piece {
    std::string text;
    std::string name;
  };
  void add(std::string_view line, const std::string& name);
  /// The longest piece that `text` begins with, or null.
  const Piece* find(std::string_view text) const;
  /// Whether `text`, which is all there is yet, may be the beginning of a longer piece.
  bool mayBegin(std::string_view text) const;

  std::vector<Piece> pieces_;                          // sorted by text
  std::unordered_map<std::uint64_t, std::size_t> at_;  // by the first 8 bytes: the first such piece
  std::array<std::uint8_t, 1u << 16> skip_{};          // by 2 bytes at the end of a window of 8
  std::bitset<256> first_;
};

/// One stream: feed() gives what can be told by now, and keeps back (63 bytes at most) what may be the
/// beginning of a secret. One thread at a time.
class SecretMask {
 public:
  explicit SecretMask(std::shared_ptr<const Secrets> secrets) : secrets_(std::move(secrets)) {}
  std::string feed(std::string_view bytes);
  /// The stream has ended, or waits: what was kept back, as it is.
  std::string flush();
  /// All of a text at once.
  static std::string apply(const std::shared_ptr<const Secrets>& secrets, std::string_view text);

 private:
  std::string take(bool last);
  /// From `at`, the next place at which a piece begins, or may begin when more comes; the end when there is
  /// none.
  std::size_t next(std::size_t at, bool last) const;
  std::shared_ptr<const Secrets> secrets_;
  std::string pending_;
  std::string lastName_;  // of the piece that ended just where pending_ begins
};

}  // namespace base
