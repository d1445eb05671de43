// A container's root: an overlay of layers, and places to mount at in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"

namespace sandbox {

/// A name for what a descriptor of this process has open, whatever its path leads to meanwhile: for this
/// process alone, and while the descriptor is open.
std::filesystem::path heldPath(const base::Fd& fd);
bool isHeldPath(const std::filesystem::path& path);
/// Mounts what a held path means at `target`, which exists and is a folder if that is one, for other
/// processes to use; until unmountAll().
void mountHeld(const std::filesystem::path& source, const std::filesystem::path& target);
/// The same of a folder, in which no symlink is followed by this way (Linux 5.10), whoever makes one.
void mountWithoutLinks(const std::filesystem::path& source, const std::filesystem::path& target);

struct OverlayFolders {
  std::vector<std::filesystem::path> layers;  ///< bottom first
  std::filesystem::path upper;                ///< exists
  std::filesystem::path work;                 ///< exists, empty, on upper's file system
  std::filesystem::path target;               ///< exists
  /// Plain: upper can be merged into the one layer by renaming, whiteouts and opaque folders heeded.
  enum class Upper { any, plain } form = Upper::any;
};

/// Mounts the overlay in the daemon's own mount namespace, where it outlives the daemon until unmountAll().
/// The paths may be of any length and hold any character. Throws invalidArgument above 200 layers (a mount's
/// options are one page), else what open or mount say.
void mountOverlay(const OverlayFolders& folders);

/// Unmounts everything that is mounted at `target`; fine when nothing is.
void unmountAll(const std::filesystem::path& target);

enum class TargetKind { folder, file };

/// Makes `target` (absolute in the container) below `root` if it is missing, with its parents, owned by
/// `owner` (a host uid and gid). Symlinks of the layers never lead out of the root; one at the target itself
/// is replaced. Throws invalidArgument when something else of the wrong kind is there.
void makeMountTarget(const std::filesystem::path& root, const std::string& target, TargetKind kind,
                     std::uint32_t owner);

}  // namespace sandbox
