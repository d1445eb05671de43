// Content digests. Includes only std: store/model.h may include this.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// A sha256 content digest, "sha256:<64 lower-case hex>". Immutable value, ordered, hashable by str(). (OCI
/// image-spec, Digests.)
class Digest {
 public:
  /// Strict: exactly "sha256:" + 64 lower-case hex digits; throws invalidArgument.
  static Digest parse(std::string_view text);
  static std::optional<Digest> tryParse(std::string_view text) noexcept;
  static Digest of(std::string_view bytes);

  const std::string& str() const noexcept { return text_; }
  /// The 64 hex digits.
  std::string hex() const { return text_.substr(7); }
  auto operator<=>(const Digest&) const = default;

 private:
  friend class Sha256;
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Streaming SHA-256. One thread at a time. finish() once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Lower-case hex.
std::string toHex(std::string_view bytes);

/// HMAC-SHA256 of `message`, as 64 hex digits.
std::string hmacSha256Hex(std::string_view key, std::string_view message);

/// Base64 without padding of SHA-256(bytes): "SHA256:<this>" is an OpenSSH fingerprint.
std::string sha256Base64(std::string_view bytes);

/// `count` random bytes from the kernel, as 2*count hex digits.
std::string randomHex(std::size_t count);
/// Random UUID (version 4) in canonical form.
std::string randomUuid();

}  // namespace base
