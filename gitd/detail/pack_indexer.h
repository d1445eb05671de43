// A pack as it streams in: checked, indexed, laid down in a quarantine. (gitformat-pack.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

namespace gitd::detail {

struct PackLimits {
  std::uint64_t maxBytes = 0;        ///< setting pack_max_bytes
  std::uint64_t maxObjects = 0;      ///< setting pack_max_objects
  std::uint64_t maxObjectBytes = 0;  ///< setting object_max_bytes, of one object unpacked
};

struct PackSummary {
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  /// The index file; nullopt for a pack without objects, of which nothing is kept.
  std::optional<std::filesystem::path> index;
};

/// Takes a pack's bytes in pieces, knows where it ends, and resolves its deltas, also against the
/// repository's own objects (thin pack). Memory stays bounded by the largest object and a few bytes per
/// object. One thread at a time. Throws invalidArgument (a limit, naming its setting; or bytes that are no
/// pack), cancelled, io.
class PackIndexer {
 public:
  /// `objects` is the quarantine's object folder. Both must outlive this.
  PackIndexer(const std::filesystem::path& repository, const std::filesystem::path& objects,
              const PackLimits& limits);
  ~PackIndexer();
  PackIndexer(const PackIndexer&) = delete;
  PackIndexer& operator=(const PackIndexer&) = delete;

  /// Takes bytes; those behind the pack's end are left: returns how many belonged to it.
  std::size_t append(std::string_view bytes);
  bool complete() const noexcept;
  /// After complete(): resolves deltas and writes PACK and IDX.
  PackSummary finish(std::stop_token stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gitd::detail
