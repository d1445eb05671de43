// All objects of a repository: packed, loose, borrowed from others, waiting in a quarantine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "git/object_source.h"

namespace git {

namespace detail {
class LooseObjects;
class ObjectCache;
class PackFile;
struct ObjectFolder;
}  // namespace detail

struct DatabaseOptions {
  std::filesystem::path objects;     ///< "objects" of a repository; its info/alternates are followed
  std::filesystem::path quarantine;  ///< another folder of that layout, looked into first; empty for none
  ObjectFormat format = ObjectFormat::sha1;
  std::uint64_t cacheBytes = 32u << 20;  ///< for bases of deltas
};

/// The packs that a database knows at one moment, in the order in which it looks. Immutable, thread-safe.
/// Objects are numbered through all packs, so that sets of them can be bitmaps.
class PackSnapshot {
 public:
  struct Place {
    const detail::PackFile* pack = nullptr;
    std::uint32_t position = 0;
    std::uint32_t number = 0;
  };

  explicit PackSnapshot(std::vector<std::shared_ptr<const detail::PackFile>> packs);

  const std::vector<std::shared_ptr<const detail::PackFile>>& packs() const noexcept { return packs_; }
  /// How many numbers there are.
  std::uint32_t count() const noexcept { return firstNumbers_.back(); }
  std::uint32_t firstNumber(std::size_t pack) const noexcept { return firstNumbers_[pack]; }
  std::optional<Place> find(const ObjectId& id) const noexcept;
  Place at(std::uint32_t number) const noexcept;
  ObjectId idAt(std::uint32_t number) const noexcept;

 private:
  std::vector<std::shared_ptr<const detail::PackFile>>
      packs_;                                // shared with the database and other snapshots
  std::vector<std::uint32_t> firstNumbers_;  // one more than packs
};

/// Reads a repository's objects. Notices packs that came meanwhile when an object is missing, or when told.
/// Thread-safe. (gitrepository-layout, objects.)
class ObjectDatabase : public ObjectSource {
 public:
  /// Throws notFound when there is no such folder, corrupt for a damaged index.
  explicit ObjectDatabase(DatabaseOptions options);
  ~ObjectDatabase() override;
  ObjectDatabase(const ObjectDatabase&) = delete;
  ObjectDatabase& operator=(const ObjectDatabase&) = delete;

  ObjectFormat format() const override { return options_.format; }
  bool contains(const ObjectId& id) const override;
  std::optional<ObjectHeader> findHeader(const ObjectId& id) const override;
  std::optional<Object> find(const ObjectId& id, std::uint64_t maxBytes) const override;

  /// Like find(), without a copy where the object is at hand already.
  std::shared_ptr<const Object> read(const ObjectId& id, std::uint64_t maxBytes) const;
  /// Of a place in a snapshot that this database gave.
  std::shared_ptr<const Object> read(const PackSnapshot::Place& place, std::uint64_t maxBytes) const;
  ObjectHeader header(const PackSnapshot::Place& place) const;
  /// The content of an object that has a file of its own, in pieces: false when it has none.
  bool copyLoose(const ObjectId& id, base::ByteSink& out) const;

  std::shared_ptr<const PackSnapshot> packs() const;
  /// Looks for packs again.
  void refresh() const;

 private:
  struct Chain;

  void addFolder(const std::filesystem::path& folder, unsigned depth);
  /// True when there may be something new.
  bool refreshIfChanged() const;
  std::shared_ptr<const PackSnapshot> listPacks() const;
  Chain followDeltas(const PackSnapshot::Place& place, std::uint64_t offset, std::uint64_t maxBytes) const;

  DatabaseOptions options_;
  std::vector<std::unique_ptr<detail::ObjectFolder>> folders_;
  std::unique_ptr<detail::ObjectCache> cache_;
  mutable std::mutex mutex_;                              // of the snapshot
  mutable std::shared_ptr<const PackSnapshot> snapshot_;  // shared with readers
  mutable std::vector<std::int64_t> changedNs_;           // of the pack folders, when listed
};

}  // namespace git
