// URLs that carry their own permission for a limited time.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace controller {

/// Signs a method, a path and a time with HMAC-SHA256: whoever has the URL may do that one thing until then,
/// without a token. Thread-safe.
class UrlSigner {
 public:
  /// The key is made at first (mode 0600) and kept: URLs outlive a restart. `clock` outlives the signer.
  UrlSigner(const std::filesystem::path& keyFile, std::chrono::seconds lifetime, const base::Clock& clock);

  /// "PATH?expires=SECONDS&signature=HEX"; `path` has no query. A URL signed for GET is good for HEAD too.
  std::string sign(std::string_view method, const std::string& path) const;
  /// The end of the permission in `pathAndQuery`. Throws permissionDenied when there is none, it is for
  /// something else, or its time is over.
  base::Time check(std::string_view method, const std::string& pathAndQuery) const;
  /// Whether `url` has a signature at all, right or wrong.
  static bool isSigned(const std::string& url);
  std::chrono::seconds lifetime() const noexcept { return lifetime_; }

 private:
  std::string signature(std::string_view method, std::string_view path, std::uint64_t expires) const;

  std::string key_;
  const std::chrono::seconds lifetime_;
  const base::Clock& clock_;
};

}  // namespace controller
