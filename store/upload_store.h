// Blobs that clients are sending: upload sessions, which survive a restart.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "store/blob_store.h"
#include "store/registry_store.h"

namespace store {

struct UploadLimits {
  std::chrono::seconds idle{24 * 3600};  ///< upload_idle_s: one that is not touched for so long is dropped
  std::uint64_t maxBytes = 64ull << 30;  ///< blob_max_bytes
  std::size_t maxSessions = 1000;        ///< upload_max_sessions
  std::size_t maxSessionsPerUser = 200;  ///< upload_max_sessions_per_user
  std::uint64_t minFreeBytes = 0;        ///< disk_min_free_bytes: looked at every 64 MiB of a body
};

/// What the time that was spent on an upload's bytes went to.
struct UploadTimes {
  using Duration = std::chrono::steady_clock::duration;
  Duration receive{};  ///< filled in by who has the connection
  Duration write{};    ///< into the file
  Duration hash{};     ///< reading the file again counts, too
  Duration sync{};     ///< until file and folder are durable
  Duration commit{};   ///< of the row
};

/// Uploads under way. The bytes of one lie in `folder`/UUID, appended only and hashed as they come; how many
/// of them are durable stands in the database, written after each request that brought some and every 64 MiB
/// within one. After a kill an upload goes on from there. One that has no byte yet is in memory only.
/// Thread-safe; an Upload is one thread's at a time. Outlived by what it is made of. (OCI distribution-spec,
/// Pushing blobs.)
class UploadStore {
 public:
  class Upload;

  /// Opens the folder, which has to be on the blobs' file system, and drops what no row knows.
  UploadStore(RegistryStore& rows, DiskBlobStore& blobs, std::filesystem::path folder,
              const base::Clock& clock);
  ~UploadStore();
  UploadStore(const UploadStore&) = delete;
  UploadStore& operator=(const UploadStore&) = delete;

  /// Before the first request.
  void setLimits(const UploadLimits& limits) { limits_ = limits; }
  const UploadLimits& limits() const noexcept { return limits_; }

  /// A new upload's UUID; throws overloaded (upload_max_sessions, upload_max_sessions_per_user). Drops idle
  /// ones on the way.
  std::string begin(const RepositoryName& repository, base::DigestAlgorithm algorithm,
                    const std::string& user = {});
  /// Takes hold of it for one request: null when there is none of that name in the repository; throws
  /// conflict when another request holds it for another five seconds.
  std::unique_ptr<Upload> open(const RepositoryName& repository, const std::string& uuid);
  /// How many bytes are durable; nullopt when there is no such upload.
  std::optional<std::uint64_t> durableBytes(const RepositoryName& repository, const std::string& uuid);
  /// False when there is none; throws conflict as open() does.
  bool cancel(const RepositoryName& repository, const std::string& uuid);
  /// How many are under way.
  std::size_t count();
  /// Drops those that were not touched for limits().idle; returns how many.
  std::size_t sweep();

 private:
  struct Session;
  using Sessions = std::map<std::string, std::shared_ptr<Session>>;  // shared: the table's and its Upload's

  void load();
  bool isSweepDue(Time now, const std::string& user);
  bool isFull(const std::string& user) const;
  std::shared_ptr<Session> find(const RepositoryName& repository, const std::string& uuid);
  /// Throws diskFull (disk_min_free_bytes).
  void requireRoom() const;
  void drop(const Session& session);
  void forget(const Session& session);
  std::filesystem::path file(const std::string& uuid) const { return folder_ / uuid; }

  RegistryStore& rows_;
  DiskBlobStore& blobs_;
  const std::filesystem::path folder_;
  const base::Clock& clock_;
  UploadLimits limits_;
  std::mutex mutex_;  // the table, nextSweep_, and what a session says it guards
  std::condition_variable released_;
  Sessions sessions_;
  std::map<std::string, std::size_t> sessionsOf_;  // user to how many of sessions_; guarded by mutex_
  Time nextSweep_;
};

/// One request's hold on an upload; lets go of it when it goes. What was appended is then made durable if
/// that can be done: a body that breaks off is not wasted.
class UploadStore::Upload {
 public:
  Upload(UploadStore& store, std::shared_ptr<Session> session);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// Of the address and the length of large pieces.
  static constexpr std::size_t kPieceAlignment = 4096;

  std::uint64_t sizeBytes() const noexcept;
  const std::string& uuid() const noexcept;
  /// Throws invalidArgument beyond blob_max_bytes. Bytes of kPieceAlignment go straight to the disk when all
  /// before them were such, too.
  void append(std::string_view bytes);
  /// All that was appended is durable when it returns. When it cannot be, all that was not durable before is
  /// gone, and is to be sent again.
  void sync();
  /// The algorithm that the digest at the end will be of: spares reading the file again when it is said
  /// before the first byte.
  void expect(base::DigestAlgorithm algorithm);
  /// The end: what was appended is the blob `expected`, and the repository holds it; durable when it returns.
  /// False when the content is another; then, too, the upload is gone.
  bool commit(const Digest& expected);
  /// Since this hold began.
  UploadTimes& times() noexcept { return times_; }

 private:
  void openFile();
  void distrust() noexcept;
  void place(const Digest& digest);
  base::Hasher hashOfFile(base::DigestAlgorithm algorithm);

  UploadStore& store_;
  std::shared_ptr<Session> session_;
  UploadTimes times_;
};

}  // namespace store
