// The short-lived tokens that clients of the registry work with.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "registry/scope.h"

namespace controller {

/// What a bearer says: for whom it was made, and what for.
struct Bearer {
  std::int64_t token = 0;  ///< the API token's id; 0: nobody
  std::vector<registry::Scope> scopes;
};

/// Makes bearers and knows them again, by a key of ours (HMAC-SHA256, of which 128 bits go along): nothing is
/// stored. They are opaque to clients, and carry no right of their own: what their API token may not do (any
/// more), they may not. Thread-safe.
class Bearers {
 public:
  static constexpr std::chrono::seconds kLifetime{300};
  /// The key is made at first (mode 0600) and kept. `clock` outlives the bearers.
  Bearers(const std::filesystem::path& keyFile, const base::Clock& clock);

  /// Good for kLifetime.
  std::string make(const Bearer& bearer) const;
  /// Good as long as its API token is; for the token endpoint only.
  std::string makeRefresh(std::int64_t token) const;
  /// nullopt when it is none of ours, or its time is over.
  std::optional<Bearer> open(std::string_view text) const;
  std::optional<std::int64_t> openRefresh(std::string_view text) const;
  /// Whether it has a bearer's form, right or wrong: an API token does not.
  static bool looksLikeOne(std::string_view text) noexcept;

 private:
  std::string seal(const std::string& content) const;
  std::optional<std::string> unseal(std::string_view text) const;

  const std::string key_;
  const base::Clock& clock_;
};

}  // namespace controller
