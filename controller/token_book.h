// Who has a token, and whether it is good.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "store/release_store.h"

namespace controller {

/// "fl-" and 48 hex digits: shown once, stored as a hash only.
std::string newTokenSecret();
std::string hashOfSecret(std::string_view secret);
bool isExpired(const store::Token& token, base::Time now) noexcept;

/// Looks tokens up, anew each time: what was removed is gone at once. Thread-safe.
class TokenBook {
 public:
  /// Both outlive it.
  TokenBook(store::ReleaseStore& store, const base::Clock& clock) : store_(store), clock_(clock) {}
  /// nullopt when there is none. Throws unauthenticated, with what to do, when its time is over.
  std::optional<store::Token> find(std::string_view secret) const;
  std::optional<store::Token> find(std::int64_t id) const;
  /// That of an Authorization header: Bearer, or Basic with the token as password.
  std::optional<store::Token> ofHeader(std::string_view authorization) const;

 private:
  std::optional<store::Token> good(std::optional<store::Token> token) const;

  store::ReleaseStore& store_;
  const base::Clock& clock_;
};

}  // namespace controller
