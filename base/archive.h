// Tar archives: read over libarchive, written by our own code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/fd.h"
#include "base/tree_list.h"

namespace base {

struct TarOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct PackOptions {
  /// `open` leaves the end-of-archive blocks out: archives like that followed by a closed one are one
  /// archive.
  enum class Ending { closed, open };
  std::string prefix = "./app";   ///< entries are prefix and prefix/...
  TarOwner owner;                 ///< every entry's owner
  std::int64_t mtimeSeconds = 0;  ///< every entry's time
  Ending ending = Ending::closed;
};

struct PackStats {
  std::uint64_t entries = 0;
  std::uint64_t contentBytes = 0;
};

/// Writes the prefix's folder and the entries, which lie below `folder`, as a deterministic pax tar: in the
/// order given, fixed owner and times, no setuid, setgid or sticky bits, hard links as files' own copies.
/// Never follows a symlink. Same entries, same bytes, whatever libraries are installed. Throws io,
/// invalidArgument for a path of more than 4095 bytes with its prefix, or what `out` throws.
PackStats packEntries(const std::filesystem::path& folder, const std::vector<TreeEntry>& entries,
                      const PackOptions& options, ByteSink& out);
/// All that listTree finds.
PackStats packTree(const std::filesystem::path& folder, const PackOptions& options, ByteSink& out);

struct UnpackOptions {
  std::uint32_t ownerShift = 0;  ///< added to every uid and gid (user namespace); needs keepOwners
  bool keepOwners = true;        ///< false: entries belong to the calling process
  bool whiteouts = false;        ///< OCI layer: .wh.NAME becomes an overlayfs whiteout (char device 0/0),
                                 ///< .wh..wh..opq the opaque xattr; both hide lower layers only
  /// In place of setting that xattr, which only the host's root can.
  std::function<void(const Fd& folder)> markOpaque = {};
  bool devices = false;            ///< false: device nodes and fifos are skipped
  std::uint32_t ids = UINT32_MAX;  ///< owners from this number on become 65534 (nobody)
  bool capabilities = true;        ///< false: none are kept
  std::uint64_t maxEntries = 2'000'000;
  std::uint64_t maxBytes = 64ull << 30;  ///< of content
  std::uint64_t maxDepth = 1024;         ///< folders in a name
};

/// Unpacks a tar (plain, gzip, zstd, xz: detected) below `folder`, which must exist. Entry names are resolved
/// beneath the folder as if it were the root of the file system: absolute names and symlinks count from it,
/// ".." in a name is refused. A later entry replaces an earlier one; missing parents are made. setuid bits
/// are kept only with keepOwners, capabilities only when owners are also not shifted; other xattrs and times
/// are not restored. Throws corrupt for a damaged archive, invalidArgument for a bad name or a limit exceeded
/// (the message names which). Nothing is synced.
void unpackTar(ByteSource& in, const std::filesystem::path& folder, const UnpackOptions& options);
void unpackTarFile(const std::filesystem::path& file, const std::filesystem::path& folder,
                   const UnpackOptions& options);

/// What a folder of an overlay's layer has that hides what lower layers have in it. Takes the host's root.
void markOpaque(const Fd& folder);

/// Reads what is left of a source: what stands behind an archive's end belongs to its digest.
void readToEnd(ByteSource& in);

/// Decompresses gzip, zstd, xz or plain bytes to `out` (for a layer's diffID).
void decompress(ByteSource& in, ByteSink& out);

/// A ByteSource over a file.
class FileSource : public ByteSource {
 public:
  explicit FileSource(Fd fd) : fd_(std::move(fd)) {}
  std::size_t read(char* buffer, std::size_t capacity) override { return readSome(fd_, buffer, capacity); }

 private:
  Fd fd_;
};

}  // namespace base
