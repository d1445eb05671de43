// Names of git objects, and what kinds of objects there are.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace git {

/// Which hash names a repository's objects. (gitformat: extensions.objectFormat.)
enum class ObjectFormat : std::uint8_t { sha1, sha256 };

/// Bytes of an id: 20 or 32.
constexpr std::size_t idSize(ObjectFormat format) noexcept {
  return format == ObjectFormat::sha1 ? 20 : 32;
}
/// "sha1" or "sha256", as git writes them.
std::string_view name(ObjectFormat format) noexcept;
std::optional<ObjectFormat> parseObjectFormat(std::string_view name) noexcept;

/// The numbers are those of pack entries.
enum class ObjectType : std::uint8_t { commit = 1, tree = 2, blob = 3, tag = 4 };
/// "commit", "tree", "blob" or "tag".
std::string_view name(ObjectType type) noexcept;
std::optional<ObjectType> parseObjectType(std::string_view name) noexcept;

/// The id of an object. A value; the default one is the null id of SHA-1, which stands for "none" in ref
/// updates. Ids of different formats are never equal.
class ObjectId {
 public:
  constexpr ObjectId() noexcept = default;
  /// `bytes` points to idSize(format) of them.
  ObjectId(ObjectFormat format, const void* bytes) noexcept : format_(format) {
    std::memcpy(bytes_.data(), bytes, idSize(format));
  }
  static ObjectId null(ObjectFormat format) noexcept {
    ObjectId id;
    id.format_ = format;
    return id;
  }
  /// Exactly idSize(format) * 2 hex digits in either case; nullopt for anything else.
  static std::optional<ObjectId> parse(ObjectFormat format, std::string_view hex) noexcept;

  ObjectFormat format() const noexcept { return format_; }
  std::size_t size() const noexcept { return idSize(format_); }
  const std::uint8_t* data() const noexcept { return bytes_.data(); }
  std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), size()}; }
  bool isNull() const noexcept;
  /// In lower case.
  std::string hex() const;

  friend bool operator==(const ObjectId&, const ObjectId&) noexcept = default;
  friend std::strong_ordering operator<=>(const ObjectId&, const ObjectId&) noexcept = default;

 private:
  std::array<std::uint8_t, 32> bytes_{};  // the rest behind a SHA-1 is zero
  ObjectFormat format_ = ObjectFormat::sha1;
};

}  // namespace git

/// For tables of ids that we made or verified; where a stranger chooses the ids, use a keyed table.
template <>
struct std::hash<git::ObjectId> {
  std::size_t operator()(const git::ObjectId& id) const noexcept {
    std::size_t value;
    std::memcpy(&value, id.data(), sizeof value);
    return value;
  }
};
