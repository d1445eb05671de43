// Where a ref transaction keeps its files until they have their names.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/fd.h"
#include "git/object_id.h"

namespace git::detail {

/// What an atomic transaction is about to do to one ref.
struct StagedChange {
  std::string name;
  ObjectId oldId;  ///< null: it does not exist
  ObjectId newId;  ///< null: it goes
};

/// A folder COMMON/ref-transactions/XXXXXX, flocked by the process that works in it, so that anybody can tell
/// when it was left behind. A lock REF.lock is a hard link to a file of the stage: whose lock it is can be
/// told by its inode, whoever made one of that name later. Removed with its locks when destroyed, unless it
/// was committed and not finished. One thread at a time.
class RefStage {
 public:
  explicit RefStage(std::filesystem::path commonDir);
  ~RefStage();
  RefStage(const RefStage&) = delete;
  RefStage& operator=(const RefStage&) = delete;

  /// Writes file number `number`, not yet synced.
  void write(std::size_t number, std::string_view content);
  /// What was written is on the disk when this returns.
  void sync();
  /// Links file `number` to `lock`. False when there is such a lock; throws notFound when the folder is not
  /// there, conflict when a folder of its path is a file.
  bool link(std::size_t number, const std::filesystem::path& lock);
  /// Takes a lock away again.
  void unlock(const std::filesystem::path& lock);
  /// The lock was renamed: it is no longer the stage's.
  void forget(const std::filesystem::path& lock) { locks_.erase(lock.string()); }
  /// The path of a file beside the numbered ones.
  std::filesystem::path file(std::string_view name) const { return folder_ / name; }

  /// From here on a recovery completes the changes instead of undoing them. Durable.
  void commit(const std::vector<StagedChange>& changes);
  /// Everything is where it belongs.
  void finish();

  /// Ends the stages of processes that are gone.
  static void recover(const std::filesystem::path& commonDir, ObjectFormat format);

 private:
  std::filesystem::path commonDir_;
  std::filesystem::path folder_;
  base::Fd lock_;
  std::unordered_set<std::string> locks_;
  std::vector<std::size_t> written_;
  bool committed_ = false;
};

/// The file of a ref, and its lock.
std::filesystem::path lockOf(const std::filesystem::path& file);

/// rename(2) of a lock onto its ref; folders without refs in the way go. False when there are refs below.
bool moveOntoRef(const std::filesystem::path& lock, const std::filesystem::path& ref);

/// Removes the folders above `file` that have become empty, but for `top` and those right below it.
void removeEmptyFoldersAbove(const std::filesystem::path& file, const std::filesystem::path& top);
/// Removes a folder and those in it as far as they hold no files.
void removeEmptyFoldersBelow(const std::filesystem::path& folder);

}  // namespace git::detail
