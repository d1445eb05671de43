// A copy of everything that cannot be made again, taken while the server serves.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "base/tar_header.h"
#include "controller/collection.h"
#include "controller/data_folder.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace controller {

/// All outlive what is made of them.
struct BackupParts {
  const DataFolder& folder;
  store::ReleaseStore& store;
  const store::DiskBlobStore& blobs;
  Collection& collection;
  const base::Clock& clock;
};

struct BackupSummary {
  std::size_t apps = 0;
  std::size_t blobs = 0;
  std::uint64_t sizeBytes = 0;         ///< of the archive
  std::vector<store::Digest> missing;  ///< blobs that something here needs and that are damaged or gone
};

/// One archive: a tar whose last entry says the digest of all before it, so that no part of one is ever taken
/// for the whole. It is what the database said at one moment, and all that this leads to:
///
/// 1. The database is copied in one transaction. From before that until the end nothing is collected, so what
///    the copy names stays.
/// 2. The keys: one that the copy needs stays in the file for one rotation longer.
/// 3. The repositories of the copy's apps: refs, then objects, as links. Objects come before the row of the
///    release that needs them, so they are there; a ref that is ahead goes back at the next start.
/// 4. Build logs and the operator's buildpacks, as links; then blobs, which never change.
///
/// Links are made below DIR/run/backup, which goes with this object. One thread at a time.
class Backup {
 public:
  Backup(const BackupParts& parts, std::atomic<bool>& underWay, const std::stop_token& stop);
  ~Backup();
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  const BackupSummary& summary() const noexcept { return summary_; }
  /// Exactly summary().sizeBytes. Throws what `out` throws, cancelled, io.
  void writeTo(base::ByteSink& out, const std::stop_token& stop) const;

 private:
  struct Item {
    base::TarEntry entry;
    std::filesystem::path source;
  };
  void snapshotDatabase();
  void addRepositories(store::ReleaseStore& snapshot, const std::stop_token& stop);
  void addBlobs(store::ReleaseStore& snapshot);
  void addTree(const std::filesystem::path& folder, const std::string& name);
  void addFile(const std::filesystem::path& file, const std::string& name, unsigned mode);

  class Turn {
   public:
    explicit Turn(std::atomic<bool>& underWay);
    ~Turn() { underWay_ = false; }

   private:
    std::atomic<bool>& underWay_;
  };

  const BackupParts parts_;
  const Turn turn_;
  const store::Collector::Hold hold_;
  const std::filesystem::path work_;
  std::vector<Item> items_;
  BackupSummary summary_;
};

/// Makes backups, one at a time. Thread-safe.
class Backups {
 public:
  /// Removes what a killed one left.
  explicit Backups(const BackupParts& parts);
  /// Everything is looked up and held when it returns. Throws conflict while another one is under way,
  /// diskFull, cancelled.
  std::unique_ptr<Backup> begin(const std::stop_token& stop);
  /// Keeps it until it is taken by the id that nobody guesses, which `tell` is called with. Blocks. Throws
  /// what `tell` throws, cancelled, timedOut when nobody has come within a minute.
  void handOver(std::unique_ptr<Backup> backup, const std::function<void(const std::string& id)>& tell,
                const std::stop_token& stop);
  /// Throws notFound.
  std::unique_ptr<Backup> take(const std::string& id);

 private:
  struct Offer {
    std::string id;
    std::unique_ptr<Backup> backup;  // null: it was taken
  };
  const BackupParts parts_;
  std::atomic<bool> underWay_ = false;
  std::mutex mutex_;
  std::condition_variable_any taken_;
  std::optional<Offer> offer_;  // guarded by mutex_; of the one that is under way
};

/// How an archive ends: an entry of fixed length, and the end of the tar.
inline constexpr std::uint64_t kBackupEndBytes = 2 * base::kTarBlock + base::kTarEndBytes;
std::string backupEnd(const store::Digest& before, base::Time at);
/// The digest of what is before it; throws corrupt for what is no end, conflict for a later format.
store::Digest parseBackupEnd(const std::string& bytes);

}  // namespace controller
