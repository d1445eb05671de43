#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "gitd/detail/ref_files.h"
#include "gitd/repository.h"

namespace gitd {
namespace {

namespace fs = std::filesystem;

constexpr auto kFolder = "quarantine";

void makeFolder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) base::throwErrno(errno, "making a quarantine");
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

}  // namespace

Quarantine::Quarantine(fs::path repository) : repository_(std::move(repository)) {
  makeFolder(repository_ / kFolder);
  std::string name = (repository_ / kFolder / "XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) base::throwErrno(errno, "making a quarantine");
  objects_ = fs::path(name) / "objects";
  makeFolder(objects_);
  makeFolder(objects_ / "pack");
}

Quarantine::~Quarantine() {
  try {
    base::removeTree(objects_.parent_path());
  } catch (const std::exception& failure) {
    // Nothing is lost: the sweep at the next start takes it.
    base::Log("gitd").warn("quarantine not removed", {{"error", failure.what()}});
  }
}

void Quarantine::accept() {
  const fs::path target = repository_ / "objects" / "pack";
  std::error_code failure;
  std::vector<fs::path> indexes;
  for (const auto& entry : fs::directory_iterator(objects_ / "pack", failure)) {
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
  base::fsyncFolder(target);
}

void sweepQuarantines(const fs::path& repository) {
  base::removeTree(repository / kFolder);
  detail::removeStaleRefLocks(repository);
}

}  // namespace gitd
