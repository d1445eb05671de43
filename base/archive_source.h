// A source tree, or a slug's, out of a tar archive that a stranger made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "base/byte_sink.h"

namespace base {

struct SourceRules {
  /// Setting export_max_files, of a slug slug_max_files: entries of the archive, left out ones too.
  std::uint64_t maxFiles = 200'000;
  /// Setting export_max_bytes, of a slug slug_max_expanded_bytes: of content, holes of files counted.
  std::uint64_t maxBytes = 2ull << 30;
  std::uint64_t maxDepth = 128;  ///< setting export_max_depth: folders in a name
  std::stop_token stop;
};

/// Unpacks a tar (plain, gzip, xz, zstd: detected) below `folder`, which exists and is empty, to what git
/// would have checked out of the same files: modes 0755 and 0644, folders 0755, and no .git at any
/// depth (in whatever case). A symlink's target may be anything; nothing is ever written through one. Refused
/// are absolute names and "..", hard links that lead out or to nothing, devices, fifos, and what is beyond a
/// limit. Returns where the source begins: `folder`, or the one folder at its top when nothing else is there,
/// as in the tarballs of hosting sites. Throws corrupt for a damaged archive, invalidArgument for what is
/// refused, cancelled; then what is there is to be thrown away. All that is made
/// belongs to the calling process.
std::filesystem::path unpackSource(ByteSource& in, const std::filesystem::path& folder,
                                   const SourceRules& rules);

/// Unpacks what a tar that is compressed (gzip, xz, zstd) has below ./app, and it may have nothing else, into
/// `folder`: modes as they are but for setuid, setgid and sticky bits, nothing is left out. It is all of
/// `in`: one archive or, as slugs have it, several one behind the other, and what else stands behind the end
/// is damage. Refused is what unpackSource() refuses. Throws as that does, but invalidArgument for damage.
void unpackSlug(ByteSource& in, const std::filesystem::path& folder, const SourceRules& rules);

}  // namespace base
