// What this server logs in to other registries with.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace registry {

struct RegistryCredential {
  std::string user;
  std::string password;
  std::string identityToken;  ///< an OAuth2 refresh token in the password's place; empty: none
};

/// One file in the form of docker's config.json ("auths"), mode 0600, which an operator may also put there.
/// Other members of it are kept. Read anew at each call, written atomically. Thread-safe; throws
/// invalidArgument for a file that is no such JSON.
class RegistryCredentials {
 public:
  explicit RegistryCredentials(std::filesystem::path file) : file_(std::move(file)) {}

  /// By a registry's host, as in an image's reference; docker.io's is found under docker's own name for it.
  std::optional<RegistryCredential> find(const std::string& host) const;
  /// Adds or replaces; throws invalidArgument for a user name with a ':' or none, or an empty password.
  void put(const std::string& host, const RegistryCredential& credential);
  /// False when there is none.
  bool remove(const std::string& host);
  struct Login {
    std::string host;
    std::string user;
  };
  std::vector<Login> logins() const;  ///< by host

 private:
  base::JsonObject::Ptr load() const;
  void save(const base::JsonObject::Ptr& config);

  const std::filesystem::path file_;
  mutable std::mutex mutex_;  // one change at a time
};

}  // namespace registry
