// The keys that config values, and URLs of drains, are sealed with, in one file beside the database.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/sealed_box.h"
#include "store/model.h"

namespace store::detail {

/// A value as it lies in the database.
struct SealedValue {
  std::string key;   ///< its key's id; '' for one that is not sealed (before schemas 13, 19)
  std::string text;  ///< Base64; plain when there is no key
};

/// KEYS/config_keys, mode 0600: one line "ID HEX" for each key, the newest first. It is replaced as a whole,
/// and a key is in it before the database names it. Thread-safe.
class ConfigKeys {
 public:
  /// Reads the file if it is there; throws corrupt, naming it, when it is damaged.
  explicit ConfigKeys(std::filesystem::path file);

  bool has(const std::string& id) const;
  /// The newest key's id, or "" when there is none.
  std::string newest() const;
  /// Durable when it returns; what is sealed from use() on is sealed with it. Returns its id.
  std::string make();
  /// Values are sealed with this one from now on.
  void use(const std::string& id);
  /// Leaves the newest and the one before in the file: a copy of the database that was made a moment before
  /// the copy of the keys can still be read.
  void retire();

  /// `app` and `name` are bound to it: the value of one is no value of another.
  SealedValue seal(AppId app, const std::string& name, const std::string& value) const;
  /// Throws corrupt, naming the config var, for what was changed or whose key is not here.
  std::string unseal(AppId app, const std::string& name, const SealedValue& sealed) const;
  /// The same of other text, which is bound to `about`: nullopt where unseal() throws.
  SealedValue sealText(const std::string& about, const std::string& text) const;
  std::optional<std::string> unsealText(const std::string& about, const SealedValue& sealed) const;
  const std::filesystem::path& file() const noexcept { return file_; }

 private:
  struct Ring {
    std::vector<std::shared_ptr<const base::SealingKey>>
        keys;  // shared: by who seals with one at this moment
    std::shared_ptr<const base::SealingKey> current;
  };
  std::shared_ptr<const base::SealingKey> find(const std::string& id) const;
  void write(const Ring& ring) const;

  std::filesystem::path file_;
  base::Guarded<Ring> ring_;
};

}  // namespace store::detail
