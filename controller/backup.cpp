#include "controller/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/tree_list.h"
#include "base/version.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::size_t kBuffer = 1u << 20;
constexpr int kFormat = 1;

/// Of all archives: what stands before the end's text.
std::string endHeader() {
  return base::tarHeader({.name = "fairlead-backup.json", .mode = 0600, .sizeBytes = base::kTarBlock});
}

fs::path workFolders(const DataFolder& folder) {
  return folder.run() / "backup";
}

/// False when the file is gone.
bool linkFile(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return true;
  if (errno == ENOENT) return false;
  if (errno != EXDEV && errno != EPERM && errno != EMLINK)
    base::throwErrno(errno, "backing up " + base::printable(from.filename().string()));
  std::error_code failure;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, failure);
  if (failure && failure.value() != ENOENT)
    base::throwErrno(failure.value(), "backing up " + base::printable(from.filename().string()));
  return !failure;
}

/// Left out anywhere: what is being written.
bool isUnfinished(const std::string& name) {
  return name.ends_with(".lock") || name.ends_with(".tmp") || name.starts_with("tmp_");
}

/// Links what is below `from` (one file, too) to `to`, which may hold some of it already. False when
/// something went meanwhile.
bool linkTree(const fs::path& from, const fs::path& to, const std::set<std::string>& leaveOut = {}) {
  std::error_code failure;
  const auto status = fs::symlink_status(from, failure);
  if (fs::is_symlink(status)) {
    if (!fs::exists(fs::symlink_status(to))) fs::copy_symlink(from, to, failure);
    return true;
  }
  if (fs::is_regular_file(status)) return linkFile(from, to);
  if (!fs::is_directory(status)) return fs::exists(status);
  fs::create_directories(to);
  bool whole = true;
  fs::directory_iterator entries(from, failure);
  if (failure) return false;
  for (; entries != fs::directory_iterator(); entries.increment(failure)) {
    const std::string name = entries->path().filename().string();
    if (!isUnfinished(name) && !leaveOut.contains(name))
      whole = linkTree(entries->path(), to / name) && whole;
    if (failure) return false;
  }
  return whole;
}

/// Loose refs before packed ones, which they become; refs before the objects that they name.
void linkRepository(const fs::path& from, const fs::path& to) {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    fs::create_directories(to);
    // Joined packs were replaced while they were listed: what replaced them is there on the next look.
    const bool whole = linkTree(from / "refs", to / "refs") &
                       linkTree(from, to, {"refs", "objects", "quarantine", "ref-transactions"}) &
                       linkTree(from / "objects", to / "objects");
    if (whole) return;
  }
  throw Error(Errc::unavailable, "a repository changes too fast to be backed up; try again");
}

}  // namespace

std::string backupEnd(const store::Digest& before, base::Time at) {
  auto json = base::makeJsonObject();
  json->set("format", kFormat);
  json->set("version", std::string(base::kVersion));
  json->set("created_at", base::toRfc3339(at));
  json->set("digest", before.str());
  std::string text = base::toJson(json);
  CHECK(text.size() < base::kTarBlock);
  text.resize(base::kTarBlock - 1, ' ');
  return endHeader() + text + "\n" + std::string(base::kTarEndBytes, '\0');
}

store::Digest parseBackupEnd(const std::string& bytes) {
  const std::string header = endHeader();
  if (bytes.size() != kBackupEndBytes || bytes.compare(0, header.size(), header) != 0)
    throw Error(Errc::corrupt,
                "this is no whole backup: its end is missing; it was cut off, or made by something else");
  const auto json = base::parseJsonObject(bytes.substr(header.size(), base::kTarBlock), "the backup's end");
  if (json->optValue<int>("format", 0) != kFormat)
    throw Error(Errc::conflict, "this backup was made by a newer Fairlead: restore it with that one");
  return store::Digest::parse(base::jsonString(json, "digest"));
}

Backup::Turn::Turn(std::atomic<bool>& underWay) : underWay_(underWay) {
  if (underWay_.exchange(true))
    throw Error(Errc::conflict, "another backup is being made: wait until it has ended");
}

Backup::Backup(const BackupParts& parts, std::atomic<bool>& underWay, const std::stop_token& stop)
    : parts_(parts),
      turn_(underWay),
      hold_(parts.collection.hold()),
      work_(workFolders(parts.folder) / base::randomUuid()) {
  fs::create_directories(work_);
  ::chmod(work_.c_str(), 0700);
  try {
    snapshotDatabase();
    {
      store::ReleaseStore snapshot(work_ / "fairlead.db", parts_.clock);
      addRepositories(snapshot, stop);
      linkTree(parts_.folder.buildpacks(), work_ / "buildpacks");
      addBlobs(snapshot);
    }
    for (const char* name : {"keys", "repos", "buildpacks", "logs"}) {
      if (fs::exists(work_ / name)) addTree(work_ / name, name);
    }
    // Last, so that it is written by nobody any more; in the archive it comes first.
    addFile(work_ / "fairlead.db", "fairlead.db", 0600);
    std::rotate(items_.begin(), items_.end() - 1, items_.end());
  } catch (...) {
    base::removeTree(work_);
    throw;
  }
  summary_.sizeBytes = kBackupEndBytes;
  for (const Item& item : items_)
    summary_.sizeBytes +=
        base::tarHeader(item.entry).size() + item.entry.sizeBytes + base::tarPadding(item.entry.sizeBytes);
}

Backup::~Backup() {
  base::removeTree(work_);
}

void Backup::snapshotDatabase() {
  parts_.store.copyTo(work_ / "fairlead.db");
  fs::create_directories(work_ / "keys");
  ::chmod((work_ / "keys").c_str(), 0700);
  for (const auto& entry : fs::directory_iterator(parts_.folder.keys())) {
    if (entry.is_regular_file() && !isUnfinished(entry.path().filename().string()))
      linkFile(entry.path(), work_ / "keys" / entry.path().filename());
  }
}

void Backup::addRepositories(store::ReleaseStore& snapshot, const std::stop_token& stop) {
  std::map<store::AppId, store::AppName> before;
  for (const auto& [app, name] : snapshot.pendingRenames())
    before.emplace(app.id, name);
  for (const store::App& app : snapshot.apps()) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "the backup was given up");
    fs::path source = parts_.folder.repository(app.name);
    if (const auto old = before.find(app.id); old != before.end() && !fs::exists(source))
      source = parts_.folder.repository(old->second);
    if (!fs::exists(source))
      throw Error(Errc::conflict, "app " + app.name.str() +
                                      " was renamed or destroyed as the backup began: make the backup again");
    linkRepository(source, work_ / "repos" / (app.name.str() + ".git"));
    const fs::path logs = parts_.folder.buildLogs(app.name);
    if (fs::exists(logs)) linkTree(logs, work_ / "logs" / "builds" / app.name.str());
    ++summary_.apps;
  }
}

void Backup::addBlobs(store::ReleaseStore& snapshot) {
  for (const store::Digest& digest : snapshot.heldBlobs()) {
    const fs::path file = parts_.blobs.path(digest);
    std::error_code missing;
    const std::uint64_t size = fs::file_size(file, missing);
    if (missing) {
      summary_.missing.push_back(digest);
      continue;
    }
    items_.push_back({{.name = "blobs/" + file.lexically_relative(parts_.folder.blobs()).string(),
                       .mode = 0644,
                       .sizeBytes = size},
                      file});
    ++summary_.blobs;
  }
}

void Backup::addTree(const fs::path& folder, const std::string& name) {
  items_.push_back({{.name = name, .kind = base::TarEntry::Kind::folder, .mode = 0755}, folder});
  for (const base::TreeEntry& each : base::listTree(folder)) {
    base::TarEntry entry{.name = name + "/" + each.path, .mode = each.mode};
    if (each.kind == base::TreeEntry::Kind::folder) {
      entry.kind = base::TarEntry::Kind::folder;
    } else if (each.kind == base::TreeEntry::Kind::symlink) {
      entry.kind = base::TarEntry::Kind::symlink;
      entry.linkTarget = fs::read_symlink(folder / each.path).string();
    } else {
      entry.sizeBytes = each.sizeBytes;
    }
    items_.push_back({std::move(entry), folder / each.path});
  }
}

void Backup::addFile(const fs::path& file, const std::string& name, unsigned mode) {
  items_.push_back({{.name = name, .mode = mode, .sizeBytes = fs::file_size(file)}, file});
}

void Backup::writeTo(base::ByteSink& out, const std::stop_token& stop) const {
  base::Sha256 hash;
  const auto write = [&](std::string_view bytes) {
    hash.update(bytes);
    out.write(bytes);
  };
  std::string buffer(kBuffer, '\0');
  for (const Item& item : items_) {
    write(base::tarHeader(item.entry));
    if (item.entry.kind != base::TarEntry::Kind::file) continue;
    const base::Fd file = base::openFile(item.source, O_RDONLY | O_NOFOLLOW);
    for (std::uint64_t left = item.entry.sizeBytes; left > 0;) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "the backup was given up");
      const std::size_t count =
          base::readSome(file, buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      if (count == 0)
        throw Error(Errc::io, item.source.filename().string() + " became shorter: make the backup again");
      write({buffer.data(), count});
      left -= count;
    }
    write(std::string(base::tarPadding(item.entry.sizeBytes), '\0'));
  }
  out.write(backupEnd(hash.finish(), parts_.clock.now()));
  base::Log("controller")
      .info("backup made",
            {{"apps", summary_.apps}, {"blobs", summary_.blobs}, {"bytes", summary_.sizeBytes}});
}

Backups::Backups(const BackupParts& parts) : parts_(parts) {
  base::removeTree(workFolders(parts.folder));
}

std::unique_ptr<Backup> Backups::begin(const std::stop_token& stop) {
  return std::make_unique<Backup>(parts_, underWay_, stop);
}

void Backups::handOver(std::unique_ptr<Backup> backup, const std::function<void(const std::string& id)>& tell,
                       const std::stop_token& stop) {
  constexpr std::chrono::minutes kPatience{1};
  const std::string id = base::randomHex(16);
  {
    const std::lock_guard lock(mutex_);
    offer_ = Offer{id, std::move(backup)};
  }
  std::unique_ptr<Backup> left;
  bool taken = false;
  const auto withdraw = [&] {
    const std::lock_guard lock(mutex_);
    left = std::move(offer_->backup);
    taken = left == nullptr;
    offer_.reset();
  };
  try {
    tell(id);
    std::unique_lock lock(mutex_);
    taken_.wait_for(lock, stop, kPatience, [&] { return offer_->backup == nullptr; });
  } catch (...) {
    withdraw();
    throw;
  }
  withdraw();
  if (taken) return;
  if (stop.stop_requested()) throw Error(Errc::cancelled, "the backup was given up");
  throw Error(Errc::timedOut, "nobody fetched the backup: make it again");
}

std::unique_ptr<Backup> Backups::take(const std::string& id) {
  std::unique_ptr<Backup> backup;
  {
    const std::lock_guard lock(mutex_);
    if (offer_ && offer_->id == id) backup = std::move(offer_->backup);
  }
  if (!backup) throw Error(Errc::notFound, "there is no such backup: make one with fairlead backup FILE");
  taken_.notify_all();
  return backup;
}

}  // namespace controller
