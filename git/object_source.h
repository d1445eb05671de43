// Where objects are read from: the narrow seam between those who need objects and how they are stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "git/object_id.h"

namespace git {

struct ObjectHeader {
  ObjectType type = ObjectType::blob;
  std::uint64_t size = 0;  ///< bytes, inflated and with deltas applied
};

struct Object {
  ObjectType type = ObjectType::blob;
  std::string data;
};

/// Reads objects by id. Thread-safe. Every call throws base::Error corrupt for an object that is there but
/// damaged.
class ObjectSource {
 public:
  virtual ~ObjectSource() = default;
  virtual ObjectFormat format() const = 0;
  /// Does not look again for packs that came meanwhile: cheap when absent.
  virtual bool contains(const ObjectId& id) const = 0;
  /// Type and size, without reading the object's content.
  virtual std::optional<ObjectHeader> findHeader(const ObjectId& id) const = 0;
  /// nullopt when absent; throws invalidArgument when it is larger than maxBytes, before anything of it is
  /// inflated.
  virtual std::optional<Object> find(const ObjectId& id, std::uint64_t maxBytes) const = 0;
};

}  // namespace git
