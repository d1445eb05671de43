// What a supervisor does with the files of containers' users, for a daemon that may not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sandbox/detail/tree_owners.h"
#include "sandbox/foreign_trees.h"

namespace sandbox {

/// For the user that the daemon has. Paths are believed: PathPolicy has looked at them.
class HostFiles : public ForeignTrees {
 public:
  struct Config {
    std::uint32_t userNamespaceBase = 0;
    std::uint32_t daemonUser = 0;
    std::uint32_t daemonGroup = 0;
    /// Words of the program that unpacks layers; none: this process does.
    std::vector<std::string> unpacker;
  };

  explicit HostFiles(Config config);

  void give(const std::filesystem::path& path, TreeOwner owner, Depth depth) override;
  void takeBack(const std::filesystem::path& path, Depth depth) override;
  /// A file that conmon has made for a container's output: this process's, since it started conmon.
  void takeLog(const std::filesystem::path& file);
  void remove(const std::filesystem::path& path) override;
  void merge(const std::filesystem::path& changes, const std::filesystem::path& kept,
             const std::filesystem::path& trash) override;
  std::uint64_t diskBytes(const std::filesystem::path& path, std::stop_token stop) override;
  void giveTerminal(const base::Fd& terminal, TreeOwner owner) override;
  void unpackLayer(const base::Fd& tar, const std::filesystem::path& folder) override;

 private:
  TreeOwners::Owner hostIds(TreeOwner owner) const;

  const Config config_;
  const TreeOwners owners_;
};

}  // namespace sandbox
