#include "controller/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "controller/backup.h"
#include "controller/data_folder.h"
#include "controller/report.h"
#include "git/check_connected.h"
#include "gitd/repository.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::size_t kBuffer = 1u << 20;
// In the order in which they are moved into place: a folder with a database is a whole one.
constexpr std::array<std::string_view, 6> kParts{"keys",       "repos", "blobs",
                                                 "buildpacks", "logs",  "fairlead.db"};

/// The unpacked folder; removed unless it was emptied into its place.
class Aside {
 public:
  explicit Aside(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }
  ~Aside() { base::removeTree(folder_); }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  const fs::path& path() const noexcept { return folder_; }

 private:
  const fs::path folder_;
};

std::uint64_t sizeOf(const base::Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) base::throwErrno(errno, "reading the backup");
  if (!S_ISREG(info.st_mode))
    throw Error(Errc::invalidArgument,
                "a backup is checked before it is unpacked, so it has to be a file: name one");
  return static_cast<std::uint64_t>(info.st_size);
}

/// Tells how much of it was read.
class WatchedSource : public base::ByteSource {
 public:
  WatchedSource(base::ByteSource& source, const std::function<void(std::uint64_t)>& passed)
      : source_(source), passed_(passed) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = source_.read(buffer, capacity);
    passed_(count);
    return count;
  }

 private:
  base::ByteSource& source_;
  const std::function<void(std::uint64_t)>& passed_;
};

void checkArchive(const base::Fd& file, std::uint64_t size,
                  const std::function<void(std::uint64_t)>& passed) {
  std::string buffer(kBuffer, '\0');
  base::Sha256 hash;
  for (std::uint64_t left = size - std::min(size, kBackupEndBytes); left > 0;) {
    const std::size_t count = base::readSome(file, buffer.data(), std::min<std::uint64_t>(left, kBuffer));
    if (count == 0) break;
    hash.update({buffer.data(), count});
    left -= count;
    passed(count);
  }
  std::string end;
  while (const std::size_t count = base::readSome(file, buffer.data(), kBuffer))
    end.append(buffer, 0, count);
  if (parseBackupEnd(end) != hash.finish())
    throw Error(Errc::corrupt,
                "the backup is damaged: its content is not what its end says; use another one");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) base::throwErrno(errno, "reading the backup");
}

void requireEmpty(const fs::path& folder) {
  if (!fs::exists(folder)) {
    fs::create_directories(folder);
    ::chmod(folder.c_str(), 0700);
  }
  if (!fs::is_directory(folder) || !fs::is_empty(folder))
    throw Error(Errc::conflict,
                folder.string() + " is not an empty folder: restore into a new one, which --data names");
}

void requireKnownParts(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == "fairlead-backup.json") {
      fs::remove(entry.path());
    } else if (std::find(kParts.begin(), kParts.end(), name) == kParts.end()) {
      throw Error(Errc::invalidArgument,
                  "the backup holds " + base::printable(name) +
                      ", which this version does not know: restore it with a newer one");
    }
  }
  if (!fs::is_regular_file(fs::symlink_status(folder / "fairlead.db")))
    throw Error(Errc::corrupt, "the backup holds no database");
}

void checkRepository(const fs::path& repository,
                     const std::optional<store::ReleaseStore::Deployed>& deployed) {
  git::checkConnected(git::openBareRepository(repository), {});
  if (!deployed) return;
  const auto objects = gitd::openObjects(repository, nullptr);
  const auto id = git::ObjectId::parse(objects->format(), deployed->commit);
  if (!id || !objects->contains(*id))
    throw Error(Errc::corrupt, "the deployed commit " + base::printable(deployed->commit) + " is missing");
}

Restored check(const fs::path& folder, const RestoreRequest& request) {
  Restored restored;
  const DataFolder data(folder);
  fs::create_directories(data.blobs());
  store::DiskBlobStore blobs(data.blobs());
  std::vector<store::Digest> all;
  blobs.forEach([&](const store::Digest& digest) { all.push_back(digest); });
  std::uint64_t bytes = 0;
  for (const store::Digest& digest : all)
    bytes += blobs.size(digest).value_or(0);
  request.tell("checking " + counted(all.size(), "blob"), bytes);
  for (const store::Digest& digest : all) {
    const std::uint64_t size = blobs.size(digest).value_or(0);
    if (blobs.check(digest))
      ++restored.blobs;
    else
      restored.damaged.push_back(digest.str());
    request.passed(size);
  }
  request.tell("checking the database and the repositories", 0);
  store::ReleaseStore store(data.database(), request.clock);
  store.checkIntegrity();
  for (const store::Digest& digest : store.heldBlobs()) {
    if (!blobs.size(digest)) restored.missing.push_back(digest.str());
  }
  for (const store::App& app : store.apps()) {
    try {
      checkRepository(data.repository(app.name), store.deployedCommit(app.id));
    } catch (Error& error) {
      throw error.addContext("repository of " + app.name.str());
    }
    ++restored.apps;
    restored.releases += static_cast<std::size_t>(store.nextVersion(app.id).number - 1);
  }
  return restored;
}

void moveIntoPlace(const fs::path& from, const fs::path& to) {
  const base::Fd disk = base::openFile(to, O_RDONLY | O_DIRECTORY);
  if (::syncfs(disk.get()) != 0) base::throwErrno(errno, "writing the restored files to the disk");
  for (const std::string_view part : kParts) {
    if (!fs::exists(from / part)) continue;
    if (part == "fairlead.db") base::fsyncFolder(to);
    fs::rename(from / part, to / part);
  }
  base::fsyncFolder(to);
}

}  // namespace

Restored restoreBackup(const RestoreRequest& request) {
  const base::Fd file = base::openFile(request.archive, O_RDONLY);
  const std::uint64_t size = sizeOf(file);
  request.tell("checking the archive", size);
  checkArchive(file, size, request.passed);
  requireEmpty(request.folder);
  const Aside aside(request.folder / kRestoring);
  request.tell("unpacking", size);
  base::FileSource bytes(base::Fd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0)));
  WatchedSource source(bytes, request.passed);
  base::unpackTar(source, aside.path(),
                  {.keepOwners = false,
                   .maxEntries = std::numeric_limits<std::uint64_t>::max(),
                   .maxBytes = std::numeric_limits<std::uint64_t>::max()});
  requireKnownParts(aside.path());
  ::chmod((aside.path() / "keys").c_str(), 0700);
  const Restored restored = check(aside.path(), request);
  moveIntoPlace(aside.path(), request.folder);
  return restored;
}

}  // namespace controller
