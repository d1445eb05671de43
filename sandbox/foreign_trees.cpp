#include "sandbox/foreign_trees.h"

#include <unistd.h>

#include "sandbox/detail/host_files.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

class OwnTrees : public ForeignTrees {
 public:
  explicit OwnTrees(std::uint32_t userNamespaceBase)
      : files_({.userNamespaceBase = userNamespaceBase,
                .daemonUser = ::geteuid(),
                .daemonGroup = ::getegid(),
                .unpacker = {}}) {}

  void give(const fs::path& path, TreeOwner owner, Depth depth) override { files_.give(path, owner, depth); }
  void takeBack(const fs::path& path, Depth depth) override { files_.takeBack(path, depth); }
  void remove(const fs::path& path) override { files_.remove(path); }
  void merge(const fs::path& changes, const fs::path& kept, const fs::path& trash) override {
    files_.merge(changes, kept, trash);
  }
  std::uint64_t diskBytes(const fs::path& path) override { return files_.diskBytes(path); }
  void giveTerminal(const base::Fd& terminal, TreeOwner owner) override {
    files_.giveTerminal(terminal, owner);
  }
  void unpackLayer(const base::Fd& tar, const fs::path& folder) override { files_.unpackLayer(tar, folder); }

 private:
  const HostFiles files_;
};

}  // namespace

std::unique_ptr<ForeignTrees> makeForeignTrees(std::uint32_t userNamespaceBase) {
  return std::make_unique<OwnTrees>(userNamespaceBase);
}

}  // namespace sandbox
