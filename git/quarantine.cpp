#include "git/quarantine.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "git/detail/shallow_file.h"

namespace git {
namespace {

namespace fs = std::filesystem;

constexpr auto kFolder = "quarantine";

void makeFolder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) base::throwErrno(errno, "making a quarantine");
}

/// The folder, flocked; invalid when a living process has it or it is gone.
base::Fd lockFolder(const fs::path& folder) {
  base::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() && errno != ENOENT) base::throwErrno(errno, "locking a quarantine");
  if (!fd.valid() || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0 || found.st_nlink == 0) return {};
  return fd;
}

base::Fd openFinished(const fs::path& file) {
  base::Fd fd = base::openFile(file, O_RDONLY | O_NOFOLLOW);
  if (::fchmod(fd.get(), 0444) != 0) base::throwErrno(errno, "accepting a pack");
  // Both files' blocks are on their way before the first sync waits, so that one journal commit serves both.
  ::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  return fd;
}

void move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) base::throwErrno(errno, "accepting a pack");
}

/// Read-only and on disk before they have a name that anybody looks for; an index without its pack would be
/// damage, a pack without its index is nothing.
void acceptPair(const fs::path& pack, const fs::path& index, const fs::path& target) {
  const base::Fd packFile = openFinished(pack);
  const base::Fd indexFile = openFinished(index);
  base::fsyncOrThrow(packFile, "accepting a pack");
  base::fsyncOrThrow(indexFile, "accepting a pack");
  move(pack, target / pack.filename());
  move(index, target / index.filename());
}

void acceptPacks(const fs::path& from, const fs::path& target) {
  std::error_code failure;
  std::vector<fs::path> indexes;
  for (const auto& entry : fs::directory_iterator(from, failure)) {
    if (entry.path().extension() == ".idx") indexes.push_back(entry.path());
  }
  for (const fs::path& index : indexes) {
    fs::path pack = index;
    pack.replace_extension(".pack");
    // The same bytes were accepted before: the pack's name is the hash of its content.
    if (fs::exists(target / index.filename(), failure) && fs::exists(target / pack.filename(), failure))
      continue;
    // A crash between the two moves left the index here.
    if (fs::exists(pack, failure)) {
      acceptPair(pack, index, target);
    } else {
      move(index, target / index.filename());
    }
  }
  if (!indexes.empty()) base::fsyncFolder(target);
}

/// Objects that a hook has made with git's programs.
void acceptLoose(const fs::path& from, const fs::path& target) {
  std::error_code failure;
  for (const auto& folder : fs::directory_iterator(from, failure)) {
    if (folder.path().filename().string().size() != 2 || !folder.is_directory(failure)) continue;
    const fs::path place = target / folder.path().filename();
    fs::create_directory(place, failure);
    for (const auto& file : fs::directory_iterator(folder.path(), failure)) {
      base::fsyncOrThrow(base::openFile(file.path(), O_RDONLY | O_NOFOLLOW), "accepting objects");
      move(file.path(), place / file.path().filename());
    }
    base::fsyncFolder(place);
  }
}

/// What a quarantine without loose objects has, with one descriptor at a time.
void removeFlat(const fs::path& objects) {
  std::error_code ignored;
  for (const char* folder : {"pack", "info"}) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(objects / folder, ignored))
      files.push_back(entry.path());
    for (const fs::path& file : files)
      ::unlink(file.c_str());
    ::rmdir((objects / folder).c_str());
  }
  ::rmdir(objects.c_str());
  ::rmdir(objects.parent_path().c_str());
}

}  // namespace

Quarantine::Quarantine(fs::path repository) : repository_(std::move(repository)) {
  try {
    make();
  } catch (...) {
    // The destructor does not run.
    if (!objects_.empty()) remove();
    throw;
  }
}

void Quarantine::make() {
  for (int attempt = 0; attempt < 10 && !lock_.valid(); ++attempt) {
    makeFolder(repository_ / kFolder);
    std::string name = (repository_ / kFolder / "XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      if (errno == ENOENT) continue;  // a sweep has just removed the folder
      base::throwErrno(errno, "making a quarantine");
    }
    objects_ = fs::path(name) / "objects";
    lock_ = lockFolder(name);
  }
  if (!lock_.valid()) throw base::Error(base::Errc::io, "making a quarantine: its folder is being removed");
  makeFolder(objects_);
  makeFolder(objects_ / "pack");
  makeFolder(objects_ / "info");
}

Quarantine::~Quarantine() {
  remove();
}

void Quarantine::remove() noexcept {
  try {
    try {
      base::removeTree(objects_.parent_path());
    } catch (const base::Error&) {
      // Short of descriptors, perhaps: ours is one more.
      lock_.reset();
      removeFlat(objects_);
      base::removeTree(objects_.parent_path());
    }
  } catch (const std::exception& failure) {
    // Nothing is lost: the next sweep takes it.
    base::Log("git").warn("quarantine not removed", {{"error", failure.what()}});
  }
}

void Quarantine::accept() {
  // First: objects without it would be a history with a hole.
  if (!shallow_.empty()) detail::addToShallowFile(repository_, shallow_);
  acceptPacks(objects_ / "pack", repository_ / "objects" / "pack");
  acceptLoose(objects_, repository_ / "objects");
}

void sweepQuarantines(const fs::path& repository) {
  std::error_code failure;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(repository / kFolder, failure))
    left.push_back(entry.path());
  for (const fs::path& folder : left) {
    const base::Fd lock = lockFolder(folder);
    if (lock.valid()) base::removeTree(folder);
  }
  ::rmdir((repository / kFolder).c_str());
}

}  // namespace git
