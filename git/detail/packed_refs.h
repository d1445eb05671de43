// The file packed-refs. (git-pack-refs; gitrepository-layout.)
#pragma once

#include <sys/types.h>

#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "git/object_id.h"

namespace git::detail {

struct PackedRef {
  std::string_view name;
  ObjectId id;
  std::optional<ObjectId> peeled;
};

/// One version of the file, sorted by name. Immutable.
class PackedRefs {
 public:
  /// Of a text. Lines that are none are left out; throws corrupt for a file that does not look like one.
  PackedRefs(ObjectFormat format, std::string text);
  PackedRefs(const PackedRefs&) = delete;
  PackedRefs& operator=(const PackedRefs&) = delete;
  /// Of the file; empty when there is none.
  static std::unique_ptr<PackedRefs> load(ObjectFormat format, const std::filesystem::path& file);
  /// True while the file on disk is still the one that was loaded.
  bool isCurrent(const std::filesystem::path& file) const;

  std::span<const PackedRef> all() const noexcept { return refs_; }
  const PackedRef* find(std::string_view name) const;
  std::span<const PackedRef> below(std::string_view prefix) const;
  /// True when the file says "fully-peeled": what has no peeled value is no tag.
  bool fullyPeeled() const noexcept { return fullyPeeled_; }
  /// The file's text for these refs, sorted, with its header.
  static std::string format(std::span<const PackedRef> refs, bool fullyPeeled);

 private:
  void parse(ObjectFormat format);

  struct Stamp {
    ino_t inode = 0;
    off_t size = -1;
    timespec changed{};
  };
  static std::optional<Stamp> stampOf(const std::filesystem::path& file);

  std::string text_;
  std::vector<PackedRef> refs_;
  std::optional<Stamp> stamp_;
  bool fullyPeeled_ = false;
  bool sorted_ = false;
};

}  // namespace git::detail
