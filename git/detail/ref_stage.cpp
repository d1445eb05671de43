#include "git/detail/ref_stage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "git/detail/packed_refs.h"
#include "git/ref_name.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

constexpr auto kFolder = "ref-transactions";
constexpr auto kJournal = "journal";
constexpr std::size_t kFewFiles = 8;

/// The stage's folder, locked; invalid when somebody else has it or it is gone.
base::Fd lockFolder(const fs::path& folder) {
  base::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0 || found.st_nlink == 0) return {};
  return fd;
}

std::optional<ino_t> inodeOf(const fs::path& file) {
  struct stat found {};
  if (::lstat(file.c_str(), &found) != 0) return std::nullopt;
  return found.st_ino;
}

/// Takes away every lock that is a link to one of the stage's files.
void removeLocks(const fs::path& commonDir, const std::set<ino_t>& inodes) {
  const auto removeIfOurs = [&](const fs::path& file) {
    const auto inode = inodeOf(file);
    if (inode && inodes.contains(*inode)) ::unlink(file.c_str());
  };
  removeIfOurs(commonDir / "packed-refs.lock");
  removeIfOurs(commonDir / "HEAD.lock");
  std::error_code failure;
  for (fs::recursive_directory_iterator at(commonDir / "refs", failure), end; at != end;
       at.increment(failure)) {
    if (at->path().extension() == ".lock") removeIfOurs(at->path());
  }
}

std::vector<StagedChange> readJournal(const fs::path& file, ObjectFormat format) {
  std::vector<StagedChange> changes;
  const std::size_t hexSize = idSize(format) * 2;
  for (const std::string& line : base::split(base::readFile(file, 256u << 20), '\n')) {
    if (line.empty()) continue;
    const std::string_view view = line;
    const auto oldId = ObjectId::parse(format, view.substr(0, hexSize));
    const auto newId = view.size() > hexSize * 2 + 2
                           ? ObjectId::parse(format, view.substr(hexSize + 1, hexSize))
                           : std::nullopt;
    if (!oldId || !newId || !isOldRefName(view.substr(hexSize * 2 + 2)))
      throw base::Error(base::Errc::corrupt, "the journal of a ref transaction is damaged");
    changes.push_back({line.substr(hexSize * 2 + 2), *oldId, *newId});
  }
  return changes;
}

/// Completes one change of a committed transaction. Its lock is still ours, or it was moved already, or
/// (after a power cut) was never on the disk: then nobody can have seen the ref move.
class Completion {
 public:
  Completion(const fs::path& commonDir, ObjectFormat format) : commonDir_(commonDir), format_(format) {}

  void complete(const StagedChange& change, const fs::path& staged) {
    const fs::path ref = commonDir_ / change.name;
    const fs::path lock = lockOf(ref);
    const auto held = inodeOf(lock);
    if (held && held != inodeOf(staged)) return;  // another's, who saw what was moved before
    if (!held) {
      if (looseValue(ref) != looseOld(change)) return;
      std::error_code failure;
      fs::create_directories(ref.parent_path(), failure);
      if (::link(staged.c_str(), lock.c_str()) != 0) return;
    }
    if (change.newId.isNull()) {
      gone_.insert(change.name);
      goneFiles_.push_back(ref);
    } else {
      moveOntoRef(lock, ref);
      base::fsyncFolder(ref.parent_path());
    }
  }

  void completeDeletions() {
    if (gone_.empty()) return;
    const auto packed = PackedRefs::load(format_, commonDir_ / "packed-refs");
    std::vector<PackedRef> kept;
    for (const PackedRef& ref : packed->all()) {
      if (!gone_.contains(std::string(ref.name))) kept.push_back(ref);
    }
    if (kept.size() != packed->all().size())
      base::writeFileAtomically(commonDir_ / "packed-refs", PackedRefs::format(kept, packed->fullyPeeled()));
    for (const fs::path& file : goneFiles_) {
      ::unlink(file.c_str());
      ::unlink(lockOf(file).c_str());
      removeEmptyFoldersAbove(file, commonDir_ / "refs");
    }
  }

 private:
  std::string looseValue(const fs::path& ref) const {
    std::error_code failure;
    if (!fs::is_regular_file(ref, failure)) return "";
    return std::string(base::trim(base::readFile(ref, 4096)));
  }
  /// A loose file that says the old id, or none (then packed-refs says it).
  std::string looseOld(const StagedChange& change) const {
    const std::string loose = looseValue(commonDir_ / change.name);
    return loose.empty() || loose == change.oldId.hex() ? loose : std::string("moved");
  }

  fs::path commonDir_;
  ObjectFormat format_;
  std::set<std::string> gone_;
  std::vector<fs::path> goneFiles_;
};

void recoverOne(const fs::path& commonDir, const fs::path& stage, ObjectFormat format) {
  std::set<ino_t> inodes;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(stage, failure)) {
    if (const auto inode = inodeOf(entry.path())) inodes.insert(*inode);
  }
  if (fs::exists(stage / kJournal, failure)) {
    Completion completion(commonDir, format);
    const auto changes = readJournal(stage / kJournal, format);
    for (std::size_t number = 0; number < changes.size(); ++number)
      completion.complete(changes[number], stage / std::to_string(number));
    completion.completeDeletions();
    base::Log("git").info("ref transaction completed", {{"refs", changes.size()}});
  }
  removeLocks(commonDir, inodes);
  base::removeTree(stage);
}

}  // namespace

fs::path lockOf(const fs::path& file) {
  fs::path lock = file;
  lock += ".lock";
  return lock;
}

bool moveOntoRef(const fs::path& lock, const fs::path& ref) {
  if (::rename(lock.c_str(), ref.c_str()) == 0) return true;
  if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST) base::throwErrno(errno, "moving a ref");
  removeEmptyFoldersBelow(ref);
  return ::rename(lock.c_str(), ref.c_str()) == 0;
}

void removeEmptyFoldersBelow(const fs::path& folder) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.is_directory(failure) && !entry.is_symlink(failure)) removeEmptyFoldersBelow(entry.path());
  }
  ::rmdir(folder.c_str());
}

void removeEmptyFoldersAbove(const fs::path& file, const fs::path& top) {
  for (fs::path folder = file.parent_path(); folder.has_parent_path(); folder = folder.parent_path()) {
    if (folder == top || folder.parent_path() == top) return;
    if (::rmdir(folder.c_str()) != 0) return;
  }
}

RefStage::RefStage(fs::path commonDir) : commonDir_(std::move(commonDir)) {
  const fs::path above = commonDir_ / kFolder;
  for (int attempt = 0; attempt < 10 && !lock_.valid(); ++attempt) {
    if (::mkdir(above.c_str(), 0755) != 0 && errno != EEXIST) base::throwErrno(errno, "locking refs");
    std::string name = (above / "XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) base::throwErrno(errno, "locking refs");
    folder_ = name;
    // A recovery may have been faster and removed it.
    lock_ = lockFolder(folder_);
  }
  if (!lock_.valid()) throw base::Error(base::Errc::io, "locking refs: the folder for it is being removed");
}

RefStage::~RefStage() {
  if (committed_) return;
  for (const std::string& lock : locks_)
    ::unlink(lock.c_str());
  try {
    base::removeTree(folder_);
  } catch (const std::exception& failure) {
    // Nothing is lost: a recovery takes it.
    base::Log("git").warn("ref transaction not removed", {{"error", failure.what()}});
  }
}

void RefStage::write(std::size_t number, std::string_view content) {
  const base::Fd fd = base::openFile(folder_ / std::to_string(number), O_WRONLY | O_CREAT | O_EXCL, 0644);
  base::writeAll(fd, content);
  written_.push_back(number);
}

void RefStage::sync() {
  if (written_.size() > kFewFiles) {
    if (::syncfs(lock_.get()) != 0) base::throwErrno(errno, "writing refs");
    return;
  }
  for (const std::size_t number : written_) {
    base::fsyncOrThrow(base::openFile(folder_ / std::to_string(number), O_RDONLY), "writing refs");
  }
}

bool RefStage::link(std::size_t number, const fs::path& lock) {
  if (::link((folder_ / std::to_string(number)).c_str(), lock.c_str()) == 0) {
    locks_.insert(lock.string());
    return true;
  }
  if (errno == EEXIST) return false;
  if (errno == ENOENT) throw base::Error(base::Errc::notFound, "locking a ref: its folder is gone");
  if (errno == ENOTDIR) throw base::Error(base::Errc::conflict, "locking a ref: another ref is in the way");
  base::throwErrno(errno, "locking a ref");
}

void RefStage::unlock(const fs::path& lock) {
  if (locks_.erase(lock.string()) > 0) ::unlink(lock.c_str());
}

void RefStage::commit(const std::vector<StagedChange>& changes) {
  std::string text;
  for (const StagedChange& change : changes)
    text.append(change.oldId.hex() + " " + change.newId.hex() + " " + change.name + "\n");
  base::writeFileAtomically(folder_ / kJournal, text);
  base::fsyncFolder(folder_.parent_path());
  committed_ = true;
}

void RefStage::finish() {
  committed_ = false;
}

void RefStage::recover(const fs::path& commonDir, ObjectFormat format) {
  std::error_code failure;
  std::vector<fs::path> stages;
  for (const auto& entry : fs::directory_iterator(commonDir / kFolder, failure))
    stages.push_back(entry.path());
  for (const fs::path& stage : stages) {
    const base::Fd lock = lockFolder(stage);
    if (lock.valid()) recoverOne(commonDir, stage, format);
  }
}

}  // namespace git::detail
