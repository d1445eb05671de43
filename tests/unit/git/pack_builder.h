// Packs of any shape, good or hostile, and a source of objects in memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "git/object_id.h"
#include "git/object_source.h"

namespace git::testing {

ObjectId idOf(ObjectType type, std::string_view bytes, ObjectFormat format = ObjectFormat::sha1);

struct NamedEntry {
  std::string mode;
  std::string name;
  ObjectId id;
};
/// In the order given.
std::string treeBytes(const std::vector<NamedEntry>& entries);
std::string commitBytes(const ObjectId& tree, const std::vector<ObjectId>& parents = {});

/// Instructions of a delta.
class Delta {
 public:
  Delta(std::uint64_t baseSize, std::uint64_t resultSize);
  Delta& copy(std::uint32_t offset, std::uint32_t size);
  Delta& insert(std::string_view bytes);
  /// As it stands, good or not.
  Delta& raw(std::string_view bytes);
  /// All of it anew, the sizes too.
  Delta& reset(std::string_view bytes);
  const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

/// Lays down entries one after another; each call returns where its entry begins.
class PackBuilder {
 public:
  explicit PackBuilder(ObjectFormat format = ObjectFormat::sha1) : format_(format) {}

  std::uint64_t add(ObjectType type, std::string_view bytes);
  std::uint64_t addOffsetDelta(std::uint64_t base, const Delta& delta);
  std::uint64_t addIdDelta(const ObjectId& base, const Delta& delta);
  /// Any type, a size that may lie, and whatever follows the header.
  std::uint64_t addRaw(unsigned type, std::uint64_t size, std::string_view rest);
  std::uint64_t size() const noexcept { return 12 + body_.size(); }

  /// With header and checksum; `count` other than 0 is what the header says.
  std::string bytes(std::uint32_t count = 0) const;

 private:
  ObjectFormat format_;
  std::uint32_t count_ = 0;
  std::string body_;
};

std::string compressed(std::string_view bytes);

/// Objects in memory. Not thread-safe while it is filled.
class MemorySource : public ObjectSource {
 public:
  explicit MemorySource(ObjectFormat format = ObjectFormat::sha1) : format_(format) {}
  ObjectId add(ObjectType type, std::string bytes);
  /// Under a name that is not its own.
  void addAs(const ObjectId& id, ObjectType type, std::string bytes) {
    objects_[id] = {type, std::move(bytes)};
  }

  ObjectFormat format() const override { return format_; }
  bool contains(const ObjectId& id) const override { return objects_.contains(id); }
  std::optional<ObjectHeader> findHeader(const ObjectId& id) const override;
  std::optional<Object> find(const ObjectId& id, std::uint64_t maxBytes) const override;

 private:
  ObjectFormat format_;
  std::map<ObjectId, Object> objects_;
};

}  // namespace git::testing
