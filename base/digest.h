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

/// What content may be named by: the registered algorithms of OCI image-spec, Digests. sha256 is the one for
/// everything that is made here.
enum class DigestAlgorithm { sha256, sha512 };
/// "sha256", "sha512".
std::string_view name(DigestAlgorithm algorithm) noexcept;
std::optional<DigestAlgorithm> parseDigestAlgorithm(std::string_view text) noexcept;

/// A content digest, "sha256:<64 lower-case hex>" or "sha512:<128 lower-case hex>". Immutable value, ordered,
/// hashable by str(). (OCI image-spec, Digests.)
class Digest {
 public:
  /// Strict: exactly an algorithm's name, ':' and all of its lower-case hex digits; throws invalidArgument.
  static Digest parse(std::string_view text);
  static std::optional<Digest> tryParse(std::string_view text) noexcept;
  static Digest of(std::string_view bytes, DigestAlgorithm algorithm = DigestAlgorithm::sha256);

  const std::string& str() const noexcept { return text_; }
  /// The hex digits: 64, or 128 of sha512.
  std::string hex() const { return text_.substr(text_.find(':') + 1); }
  DigestAlgorithm algorithm() const noexcept;
  auto operator<=>(const Digest&) const = default;

 private:
  friend class Hasher;
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Hashes a stream. One thread at a time. finish() once.
class Hasher {
 public:
  explicit Hasher(DigestAlgorithm algorithm = DigestAlgorithm::sha256);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void update(std::string_view bytes);
  Digest finish();
  DigestAlgorithm algorithm() const noexcept { return algorithm_; }

 private:
  struct Context;
  DigestAlgorithm algorithm_;
  std::unique_ptr<Context> context_;
};

using Sha256 = Hasher;  ///< by default

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
