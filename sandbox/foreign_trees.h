// Files that belong to the users of containers, handled by a process that is none of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>

#include "base/fd.h"

namespace sandbox {

/// Ids in a container. The host knows them by others (ContainerRuntime::hostId).
struct TreeOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// What a container is given has to be its user's, and what it leaves is; a daemon without rights can neither
/// give files away nor remove, or always read, those of others. So each tree is lent: the daemon makes it,
/// gives it, and takes it back or has it removed. Only what belongs to the caller or to containers changes
/// hands; anything else in it is Error(permissionDenied). No symlink is followed. Paths are absolute and lie
/// where the data folder has what containers are given. Thread-safe; a tree is nobody else's meanwhile.
/// Throws notFound for a path that is not there (but remove()), io.
class ForeignTrees {
 public:
  enum class Depth { itself, whole };  ///< whole: with all that lies in it

  virtual ~ForeignTrees() = default;

  /// From now on it is that user's.
  virtual void give(const std::filesystem::path& path, TreeOwner owner, Depth depth) = 0;
  /// From now on it is the caller's, who may then do all with it. A container's log, too.
  virtual void takeBack(const std::filesystem::path& path, Depth depth) = 0;
  /// A folder with all that lies in it, or a file; missing is fine.
  virtual void remove(const std::filesystem::path& path) = 0;
  /// Makes `kept` what a container saw that had `changes` (an overlay's upper folder, not mounted any more)
  /// over it: what is new is moved there, what was removed is moved to the folder `trash`, under a name that
  /// is free. Costs what has changed, not what is kept. `changes` is gone afterwards. Interrupted anywhere,
  /// it is to be called again and goes on. All on one file system; any depth. (Linux,
  /// Documentation/filesystems/overlayfs.rst: whiteouts and opaque directories.)
  virtual void merge(const std::filesystem::path& changes, const std::filesystem::path& kept,
                     const std::filesystem::path& trash) = 0;
  /// What a tree takes on the disk, as base::measureTree() has it; a stop ends it early, with what it has
  /// counted by then.
  virtual std::uint64_t diskBytes(const std::filesystem::path& path, std::stop_token stop) = 0;
  /// A terminal of the caller's, by the end that a program has.
  virtual void giveTerminal(const base::Fd& terminal, TreeOwner owner) = 0;
  /// Unpacks an image's layer (a tar, compressed or not, read to its end) in the empty folder `folder`, with
  /// the owners that it says, as containers have them. What reads it has the containers' ids and no other
  /// rights. Throws what base::unpackTar() does.
  virtual void unpackLayer(const base::Fd& tar, const std::filesystem::path& folder) = 0;
};

/// By this process itself, which has to be root for it: without limits on where paths lie.
std::unique_ptr<ForeignTrees> makeForeignTrees(std::uint32_t userNamespaceBase);

}  // namespace sandbox
