// Objects that have a file each. (gitrepository-layout, objects/[0-9a-f][0-9a-f].)
#pragma once

#include <filesystem>
#include <optional>

#include "base/byte_sink.h"
#include "git/object_id.h"
#include "git/object_source.h"

namespace git::detail {

/// Reads loose objects below one folder. Immutable, thread-safe.
class LooseObjects {
 public:
  explicit LooseObjects(std::filesystem::path folder) : folder_(std::move(folder)) {}

  bool contains(const ObjectId& id) const;
  /// Throws corrupt.
  std::optional<ObjectHeader> findHeader(const ObjectId& id) const;
  /// Throws corrupt, and invalidArgument when it is larger than maxBytes.
  std::optional<Object> find(const ObjectId& id, std::uint64_t maxBytes) const;
  /// Writes the object's content, in pieces. Throws notFound and corrupt.
  void copyTo(const ObjectId& id, base::ByteSink& out) const;

 private:
  std::filesystem::path path(const ObjectId& id) const;

  std::filesystem::path folder_;
};

}  // namespace git::detail
