// ForeignTrees for tests that need no root.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sandbox/foreign_trees.h"

namespace test {

/// The users of containers are the test's own: nothing changes hands, but what is given is recorded, and a
/// path has to be there. All else is done. Thread-safe.
class OwnTrees : public sandbox::ForeignTrees {
 public:
  struct Given {
    std::filesystem::path path;
    sandbox::TreeOwner owner;
    Depth depth;
  };

  std::vector<Given> given() const {
    const std::lock_guard lock(mutex_);
    return given_;
  }

  void give(const std::filesystem::path& path, sandbox::TreeOwner owner, Depth depth) override {
    requireThere(path);
    const std::lock_guard lock(mutex_);
    given_.push_back({path, owner, depth});
  }
  void takeBack(const std::filesystem::path& path, Depth) override { requireThere(path); }
  void remove(const std::filesystem::path& path) override { trees_->remove(path); }
  void merge(const std::filesystem::path& changes, const std::filesystem::path& kept,
             const std::filesystem::path& trash) override {
    trees_->merge(changes, kept, trash);
  }
  std::uint64_t diskBytes(const std::filesystem::path& path, std::stop_token stop) override {
    return trees_->diskBytes(path, std::move(stop));
  }
  void giveTerminal(const base::Fd&, sandbox::TreeOwner) override {}
  void unpackLayer(const base::Fd& tar, const std::filesystem::path& folder) override {
    trees_->unpackLayer(tar, folder);
  }

 private:
  static void requireThere(const std::filesystem::path& path) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(path)))
      throw base::Error(base::Errc::notFound, path.string() + " is not there");
  }

  const std::unique_ptr<sandbox::ForeignTrees> trees_ = sandbox::makeForeignTrees(::geteuid());
  mutable std::mutex mutex_;
  std::vector<Given> given_;  // guarded by mutex_
};

}  // namespace test
