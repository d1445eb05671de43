// Values that only the holder of a key can read or make.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

/// 32 random bytes, named by their own hash: a key that was changed by a byte has another id. Immutable
/// value.
class SealingKey {
 public:
  static SealingKey make();
  /// From text(); nullopt when it is damaged.
  static std::optional<SealingKey> parse(std::string_view text);
  /// "ID HEX": secret.
  std::string text() const;
  /// 12 hex digits: no secret.
  const std::string& id() const noexcept { return id_; }

  /// AES-256-GCM: a random nonce, the ciphertext, the tag. `about` is not stored, and has to be the same at
  /// unseal(). At most some 2^32 values for one key: the nonces are random.
  std::string seal(std::string_view plain, std::string_view about) const;
  /// nullopt for what this key did not seal about just that.
  std::optional<std::string> unseal(std::string_view sealed, std::string_view about) const;

 private:
  explicit SealingKey(std::string bytes);
  std::string id_;
  std::string bytes_;
};

}  // namespace base
