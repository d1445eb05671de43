// Files change hands.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/fd.h"
#include "sandbox/foreign_trees.h"

namespace sandbox {

/// Between a caller and the users of containers, and nobody else. Thread-safe.
class TreeOwners {
 public:
  struct Parties {
    std::uint32_t containers = 0;  ///< the first of their 65536 host ids
    std::uint32_t caller = 0;
  };
  /// Host ids.
  struct Owner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
  };

  explicit TreeOwners(Parties parties) : parties_(parties) {}

  /// As ForeignTrees::give() and takeBack() have it. `path` itself is no symlink. What is looked at is what
  /// changes, whoever renames meanwhile. About 3 us an entry.
  void change(const std::filesystem::path& path, Owner owner, ForeignTrees::Depth depth) const;
  /// As ForeignTrees::giveTerminal() has it; nothing but a pseudoterminal changes hands.
  void changeTerminal(const base::Fd& terminal, Owner owner) const;
  /// Throws permissionDenied when `path` itself belongs to neither.
  void check(const std::filesystem::path& path) const;

 private:
  base::Fd hold(int folder, const char* name) const;
  void changeOne(int folder, const char* name, Owner owner) const;

  const Parties parties_;
};

}  // namespace sandbox
