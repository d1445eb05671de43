// A pack on disk with its index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "git/detail/idx_reader.h"
#include "git/detail/mapped_file.h"
#include "git/detail/pack_view.h"

namespace git::detail {

/// Both files mapped. Immutable after construction, thread-safe.
class PackFile {
 public:
  /// `index` is the path of the .idx; the pack lies beside it. Throws notFound, corrupt, io.
  PackFile(const std::filesystem::path& index, ObjectFormat format);
  PackFile(const PackFile&) = delete;
  PackFile& operator=(const PackFile&) = delete;

  const IdxReader& index() const noexcept { return index_; }
  const PackView& view() const noexcept { return view_; }
  /// Of this mapping: no other pack of this process ever has the same.
  std::uint64_t serial() const noexcept { return serial_; }
  /// "pack-HASH".
  const std::string& name() const noexcept { return name_; }
  std::uint32_t count() const noexcept { return index_.count(); }
  PackEntry entry(std::uint32_t position) const { return view_.entryAt(index_.offsetAt(position)); }

  /// Positions in the order of their offsets; made at the first call.
  std::span<const std::uint32_t> byOffset() const;
  /// The position of the entry that begins there; nullopt when none does.
  std::optional<std::uint32_t> positionAt(std::uint64_t offset) const;

 private:
  std::uint64_t serial_;
  std::string name_;
  MappedFile indexFile_;
  MappedFile packFile_;
  IdxReader index_;
  PackView view_;
  mutable std::once_flag sorted_;
  mutable std::vector<std::uint32_t> byOffset_;
};

}  // namespace git::detail
