// Where a push's objects wait until they are accepted.
#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "git/object_id.h"

namespace git {

/// Objects of one push, in REPO/quarantine/XXXXXX until accept(). The folder is flocked by its process, and
/// removed when this is destroyed. One thread at a time.
class Quarantine {
 public:
  /// `repository` is the one whose objects/ the push shall become part of (a common folder).
  explicit Quarantine(std::filesystem::path repository);
  ~Quarantine();
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;
  const std::filesystem::path& repository() const noexcept { return repository_; }
  /// Its object folder ("objects" layout: pack/).
  const std::filesystem::path& objects() const noexcept { return objects_; }
  /// Commits that come without their parents: accept() adds them to the repository's file shallow.
  void setShallow(std::vector<ObjectId> commits) { shallow_ = std::move(commits); }
  /// Moves packs, indexes and loose objects (hooks may have made some) into the repository, durably;
  /// idempotent.
  void accept();

 private:
  void make();
  void remove() noexcept;

  std::filesystem::path repository_;
  std::filesystem::path objects_;
  std::vector<ObjectId> shallow_;
  base::Fd lock_;
};

/// Removes the quarantines of processes that are gone; those of living ones stay.
void sweepQuarantines(const std::filesystem::path& repository);

}  // namespace git
