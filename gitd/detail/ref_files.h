// Refs as files of a bare repository: reading and the durable compare-and-swap. (gitrepository-layout.)
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace gitd::detail {

/// The id that the ref says, following symbolic refs; loose files win over packed-refs. Throws corrupt for a
/// file that is neither.
std::optional<std::string> readRefFile(const std::filesystem::path& repository, const std::string& ref);

/// Takes REF.lock as git does (waiting up to a second for it), so that git itself may work in the repository
/// at the same time, and swaps by rename. Released without change unless commit() ran. One thread at a time.
class RefLock {
 public:
  /// Throws conflict when the lock stays taken or when the name is in the way of another ref (refs/heads/a
  /// and refs/heads/a/b).
  RefLock(std::filesystem::path repository, std::string ref);
  ~RefLock();
  RefLock(const RefLock&) = delete;
  RefLock& operator=(const RefLock&) = delete;
  /// Durable when it returns.
  void commit(const std::string& content);

 private:
  std::filesystem::path repository_;
  std::string ref_;
  std::filesystem::path file_;
  std::filesystem::path lockFile_;
  bool madeFolders_ = false;
  int lock_ = -1;
};

/// Removes *.lock files that a killed daemon left. At start only, when nobody else works in the repository.
void removeStaleRefLocks(const std::filesystem::path& repository);

}  // namespace gitd::detail
