#include "sandbox/foreign_trees.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/tree_size.h"
#include "sandbox/detail/changes_merge.h"
#include "sandbox/detail/tree_owners.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

class OwnTrees : public ForeignTrees {
 public:
  explicit OwnTrees(std::uint32_t userNamespaceBase)
      : base_(userNamespaceBase), owners_({.containers = userNamespaceBase, .caller = ::geteuid()}) {}

  void give(const fs::path& path, TreeOwner owner, Depth depth) override {
    owners_.change(path, {base_ + owner.uid, base_ + owner.gid}, depth);
  }
  void takeBack(const fs::path& path, Depth depth) override {
    owners_.change(path, {::geteuid(), ::getegid()}, depth);
  }
  void remove(const fs::path& path) override { base::removeTree(path); }
  void merge(const fs::path& changes, const fs::path& kept, const fs::path& trash) override {
    mergeChanges(changes, kept, trash);
  }
  std::uint64_t diskBytes(const fs::path& path) override { return base::measureTree(path).diskBytes; }
  void unpackLayer(const base::Fd& tar, const fs::path& folder) override {
    base::FileSource source(base::Fd(::fcntl(tar.get(), F_DUPFD_CLOEXEC, 0)));
    base::unpackTar(source, folder, {.ownerShift = base_, .whiteouts = true});
    // What is behind the archive's end belongs to what its reader hashes.
    std::array<char, 16384> rest;
    while (source.read(rest.data(), rest.size()) > 0) {
    }
  }

 private:
  const std::uint32_t base_;
  const TreeOwners owners_;
};

}  // namespace

std::unique_ptr<ForeignTrees> makeForeignTrees(std::uint32_t userNamespaceBase) {
  return std::make_unique<OwnTrees>(userNamespaceBase);
}

}  // namespace sandbox
