// A file in memory, read-only.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

namespace git::detail {

/// Maps a whole file for reading and unmaps it. The file must not shrink meanwhile: git's packs and loose
/// objects are never changed in place. Movable; immutable, so thread-safe.
class MappedFile {
 public:
  MappedFile() noexcept = default;
  /// Throws notFound and io.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::string_view bytes() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace git::detail
