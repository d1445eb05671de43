#include "store/upload_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/timed_scope.h"
#include "store/detail/direct_write.h"

namespace store {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::uint64_t kSyncEvery = 64u << 20;
constexpr std::chrono::seconds kHolderWait{5};
static_assert(UploadStore::Upload::kPieceAlignment == detail::kDirectAlignment);
constexpr unsigned kFileMode = 0600;
constexpr std::size_t kReadBytes = 1u << 20;

void truncate(const base::Fd& fd, std::uint64_t size) {
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) base::throwErrno(errno, "resuming an upload");
  if (::lseek(fd.get(), 0, SEEK_END) < 0) base::throwErrno(errno, "resuming an upload");
}

}  // namespace

struct UploadStore::Session {
  std::string uuid;
  RepositoryName repository;
  std::string user;
  base::DigestAlgorithm algorithm;
  Time createdAt;
  Time touchedAt;             // guarded by the store's mutex
  std::uint64_t durable = 0;  // bytes; guarded by the store's mutex
  bool held = false;          // by an Upload, which the rest belongs to; guarded by the store's mutex
  bool ended = false;
  bool listed = false;  // has a row
  std::uint64_t written = 0;
  base::Fd fd;
  std::optional<base::Hasher> hash;  // of the first `written` bytes; none after a restart or a failed write
};

UploadStore::UploadStore(RegistryStore& rows, DiskBlobStore& blobs, fs::path folder, const base::Clock& clock)
    : rows_(rows), blobs_(blobs), folder_(std::move(folder)), clock_(clock) {
  try {
    if (fs::create_directories(folder_)) base::fsyncFolder(folder_.parent_path());
    load();
  } catch (const fs::filesystem_error& error) {
    base::throwErrno(error.code().value(), "opening the uploads");
  }
}

UploadStore::~UploadStore() = default;

void UploadStore::load() {
  std::set<std::string> known;
  for (const UploadRow& row : rows_.uploads()) {
    std::error_code none;
    const auto size = fs::file_size(file(row.uuid), none);
    if (none || size < row.sizeBytes) {
      rows_.removeUpload(row.uuid);
      continue;
    }
    known.insert(row.uuid);
    auto session = std::make_shared<Session>(Session{.uuid = row.uuid,
                                                     .repository = row.repository,
                                                     .user = row.user,
                                                     .algorithm = row.algorithm,
                                                     .createdAt = row.createdAt,
                                                     .touchedAt = row.touchedAt,
                                                     .durable = row.sizeBytes,
                                                     .listed = true,
                                                     .written = row.sizeBytes,
                                                     .fd = {},
                                                     .hash = {}});
    sessions_.emplace(row.uuid, std::move(session));
    ++sessionsOf_[row.user];
  }
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (!known.contains(entry.path().filename().string())) base::removeTree(entry.path());
  }
}

std::string UploadStore::begin(const RepositoryName& repository, base::DigestAlgorithm algorithm,
                               const std::string& user) {
  const Time now = clock_.now();
  auto session = std::make_shared<Session>(Session{.uuid = base::randomUuid(),
                                                   .repository = repository,
                                                   .user = user,
                                                   .algorithm = algorithm,
                                                   .createdAt = now,
                                                   .touchedAt = now,
                                                   .fd = {},
                                                   .hash = base::Hasher(algorithm)});
  if (isSweepDue(now, user)) sweep();
  const std::lock_guard lock(mutex_);
  if (!isFull(user)) {
    ++sessionsOf_[user];
    sessions_.emplace(session->uuid, session);
    return session->uuid;
  }
  if (sessions_.size() >= limits_.maxSessions)
    throw Error(Errc::overloaded,
                "Too many uploads are under way; try again later, or raise upload_max_sessions");
  throw Error(Errc::overloaded,
              "Too many uploads of yours are under way; end some, or raise upload_max_sessions_per_user");
}

/// The lock is held.
bool UploadStore::isFull(const std::string& user) const {
  const auto mine = sessionsOf_.find(user);
  return sessions_.size() >= limits_.maxSessions ||
         (mine != sessionsOf_.end() && mine->second >= limits_.maxSessionsPerUser);
}

bool UploadStore::isSweepDue(Time now, const std::string& user) {
  const std::lock_guard lock(mutex_);
  if (now < nextSweep_ && !isFull(user)) return false;
  nextSweep_ = now + std::chrono::minutes(1);
  return true;
}

std::shared_ptr<UploadStore::Session> UploadStore::find(const RepositoryName& repository,
                                                        const std::string& uuid) {
  const auto found = sessions_.find(uuid);
  return found != sessions_.end() && found->second->repository == repository ? found->second : nullptr;
}

std::unique_ptr<UploadStore::Upload> UploadStore::open(const RepositoryName& repository,
                                                       const std::string& uuid) {
  std::shared_ptr<Session> session;
  {
    std::unique_lock lock(mutex_);
    const auto isMine = [&] {
      session = find(repository, uuid);
      return !session || !session->held;
    };
    // A client whose connection broke may be back before the request on the old one has noticed.
    const bool free = released_.wait_for(lock, kHolderWait, isMine);
    if (!session) return nullptr;
    if (!free)
      throw Error(Errc::conflict,
                  "Another request sends to this upload; wait for it, then ask for its status");
    session->held = true;
    session->touchedAt = clock_.now();
  }
  return std::make_unique<Upload>(*this, std::move(session));
}

std::optional<std::uint64_t> UploadStore::durableBytes(const RepositoryName& repository,
                                                       const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  const auto session = find(repository, uuid);
  if (!session) return std::nullopt;
  return session->durable;
}

bool UploadStore::cancel(const RepositoryName& repository, const std::string& uuid) {
  const auto upload = open(repository, uuid);
  if (!upload) return false;
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    session = find(repository, uuid);
  }
  drop(*session);
  return true;
}

std::size_t UploadStore::count() {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

std::size_t UploadStore::sweep() {
  std::vector<std::shared_ptr<Session>> idle;
  {
    const std::lock_guard lock(mutex_);
    const Time oldest = clock_.now() - limits_.idle;
    for (const auto& [uuid, session] : sessions_) {
      if (session->held || session->touchedAt > oldest) continue;
      session->held = true;  // nobody else takes it now
      idle.push_back(session);
    }
  }
  for (const auto& session : idle)
    drop(*session);
  return idle.size();
}

/// Of a held session: the row first, so that none promises bytes that are gone.
void UploadStore::drop(const Session& session) {
  if (session.listed) rows_.removeUpload(session.uuid);
  ::unlink(file(session.uuid).c_str());
  forget(session);
}

void UploadStore::forget(const Session& session) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session.uuid);
  if (found == sessions_.end()) return;
  found->second->ended = true;
  const auto mine = sessionsOf_.find(session.user);
  if (--mine->second == 0) sessionsOf_.erase(mine);
  sessions_.erase(found);
}

void UploadStore::requireRoom() const {
  if (blobs_.freeBytes() >= limits_.minFreeBytes) return;
  throw Error(Errc::diskFull,
              "The server's disk is nearly full (setting disk_min_free_bytes): ask its operator for room");
}

UploadStore::Upload::Upload(UploadStore& store, std::shared_ptr<Session> session)
    : store_(store), session_(std::move(session)) {}

UploadStore::Upload::~Upload() {
  Session& session = *session_;
  if (!session.ended && session.written != session.durable) {
    try {
      sync();
    } catch (const std::exception&) {
      distrust();  // what is not durable was never promised
    }
  }
  // A descriptor for each of a thousand uploads would be many.
  session.fd.reset();
  {
    const std::lock_guard lock(store_.mutex_);
    session.held = false;
  }
  store_.released_.notify_all();
}

std::uint64_t UploadStore::Upload::sizeBytes() const noexcept {
  return session_->written;
}

const std::string& UploadStore::Upload::uuid() const noexcept {
  return session_->uuid;
}

void UploadStore::Upload::openFile() {
  Session& session = *session_;
  if (session.fd.valid()) return;
  session.fd = base::openFile(store_.file(session.uuid), O_RDWR | O_CREAT, kFileMode);
  truncate(session.fd, session.written);
}

/// The kernel may have dropped what it could not write, and says so once only: asking it again would be told
/// that all is well. What was durable before is what there is; the rest is cut off when the file is opened.
void UploadStore::Upload::distrust() noexcept {
  session_->written = session_->durable;
  session_->hash.reset();
  session_->fd.reset();
}

base::Hasher UploadStore::Upload::hashOfFile(base::DigestAlgorithm algorithm) {
  openFile();
  const base::TimedScope timed(times_.hash);
  base::Hasher hash(algorithm);
  std::vector<char> buffer(kReadBytes);
  std::uint64_t at = 0;
  while (at < session_->written) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), session_->written - at));
    const ssize_t count = ::pread(session_->fd.get(), buffer.data(), wanted, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throwErrno(errno, "reading an upload");
    if (count == 0) throw Error(Errc::corrupt, "An upload's file became shorter; start the upload again");
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
    at += static_cast<std::uint64_t>(count);
  }
  return hash;
}

void UploadStore::Upload::append(std::string_view bytes) {
  Session& session = *session_;
  if (bytes.empty()) return;
  if (bytes.size() > store_.limits_.maxBytes - std::min(session.written, store_.limits_.maxBytes)) {
    throw Error(Errc::invalidArgument, "The blob is larger than " + std::to_string(store_.limits_.maxBytes) +
                                           " bytes; raise blob_max_bytes on the server to push it");
  }
  if (session.written - session.durable >= kSyncEvery) {
    sync();
    store_.requireRoom();
  }
  openFile();
  if (!session.hash) session.hash = hashOfFile(session.algorithm);
  try {
    const base::TimedScope timed(times_.write);
    detail::writeDirectly(session.fd, bytes);
  } catch (...) {
    session.hash.reset();  // some of them may be there
    session.fd.reset();
    throw;
  }
  const base::TimedScope timed(times_.hash);
  session.hash->update(bytes);
  session.written += bytes.size();
}

void UploadStore::Upload::sync() {
  Session& session = *session_;
  if (session.written == session.durable) return;
  openFile();
  try {
    const base::TimedScope timed(times_.sync);
    base::fsyncOrThrow(session.fd, "storing an upload");
    if (!session.listed) base::fsyncFolder(store_.folder_);
  } catch (...) {
    distrust();
    throw;
  }
  const base::TimedScope timed(times_.commit);
  const Time now = store_.clock_.now();
  store_.rows_.putUpload({.uuid = session.uuid,
                          .repository = session.repository,
                          .user = session.user,
                          .algorithm = session.algorithm,
                          .sizeBytes = session.written,
                          .createdAt = session.createdAt,
                          .touchedAt = now});
  session.listed = true;
  const std::lock_guard lock(store_.mutex_);
  session.durable = session.written;
  session.touchedAt = now;
}

void UploadStore::Upload::expect(base::DigestAlgorithm algorithm) {
  Session& session = *session_;
  if (session.written != 0 || session.algorithm == algorithm) return;
  session.algorithm = algorithm;
  session.hash = base::Hasher(algorithm);
}

/// The file gets the digest as its name. When that fails the upload goes on from what was durable, or ends if
/// the file has the name already: its folder may not be durable.
void UploadStore::Upload::place(const Digest& digest) {
  const base::TimedScope timed(times_.sync);
  const auto file = store_.file(session_->uuid);
  try {
    store_.blobs_.adopt(file, session_->fd, digest);
  } catch (...) {
    distrust();
    if (::access(file.c_str(), F_OK) != 0) store_.drop(*session_);
    throw;
  }
}

bool UploadStore::Upload::commit(const Digest& expected) {
  Session& session = *session_;
  openFile();
  const bool hashed = session.hash && session.hash->algorithm() == expected.algorithm();
  base::Hasher hash = hashed ? std::move(*session.hash) : hashOfFile(expected.algorithm());
  session.hash.reset();
  const Digest digest = hash.finish();
  if (digest != expected) {
    store_.drop(session);
    return false;
  }
  place(digest);
  store_.forget(session);  // its file is gone
  const base::TimedScope timed(times_.commit);
  store_.rows_.addBlob(session.repository, {"", digest, session.written},
                       session.listed ? session.uuid : std::string());
  return true;
}

}  // namespace store
