// What the parts of ReleaseStore share: the pool, the clock, and reading and writing in a transaction.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "store/detail/commit_group.h"
#include "store/detail/config_keys.h"
#include "store/detail/sqlite.h"
#include "store/release_store.h"

namespace store {

struct ReleaseStore::State {
  State(const std::filesystem::path& file, const base::Clock& theClock)
      : events{.clock = theClock},
        pool(file, &events),
        clock(theClock),
        configKeys(file.parent_path() / "keys" / "config_keys") {}

  /// body(connection) sees one state of the database.
  template <typename Body>
  auto read(Body body) {
    auto reader = pool.borrowReader();
    if constexpr (std::is_void_v<decltype(body(*reader))>) {
      body(*reader);
      reader.succeeded();
    } else {
      auto result = body(*reader);
      reader.succeeded();
      return result;
    }
  }
  /// body(connection) happens as a whole, durably, or not at all. It must not call read() or write().
  template <typename Body>
  auto write(Body body) {
    return run(detail::Transaction::Kind::writing, body);
  }

  /// write() that waits for the disk together with others that do so at the same time. The body may run on
  /// another thread and more than once: it changes nothing but the database.
  template <typename Body>
  auto writeTogether(Body body) {
    using Result = decltype(body(std::declval<detail::Connection&>()));
    if constexpr (std::is_void_v<Result>) {
      group.run(body);
    } else {
      std::optional<Result> result;
      group.run([&](detail::Connection& connection) { result.emplace(body(connection)); });
      return *std::move(result);
    }
  }

  /// write() without waiting for the disk: a kill takes nothing of it back, a power cut may until the next
  /// write() is done. For what nobody was promised yet.
  template <typename Body>
  auto note(Body body) {
    return run(detail::Transaction::Kind::noting, body);
  }

  /// As write(), and then it did not happen.
  template <typename Body>
  void rehearse(Body body) {
    const auto writer = pool.borrowWriter();
    detail::Transaction transaction(*writer, detail::Transaction::Kind::writing);
    body(*writer);
  }

  detail::EventContext events;
  detail::ConnectionPool pool;
  detail::CommitGroup group{pool};
  const base::Clock& clock;
  detail::ConfigKeys configKeys;
  std::mutex rotating;  ///< held for one rotation of the keys

 private:
  template <typename Body>
  auto run(detail::Transaction::Kind kind, Body& body) {
    const auto writer = pool.borrowWriter();
    detail::Transaction transaction(*writer, kind);
    if constexpr (std::is_void_v<decltype(body(*writer))>) {
      body(*writer);
      transaction.commit();
    } else {
      auto result = body(*writer);
      transaction.commit();
      return result;
    }
  }
};

}  // namespace store

namespace store::detail {

/// At most this many rows for a caller's limit of any size.
std::int64_t rowLimit(std::size_t limit) noexcept;
Time timeAt(const Rows& rows, int column);

/// The app as it is now; throws notFound.
App requireApp(Connection& connection, AppId id);
/// Of the columns id, uuid, name, stack, owner, deploy_branch and created_at.
App appAt(const Rows& rows);
/// Throws notFound.
void requireUser(Connection& connection, const std::string& name);

// The columns in their order, with the condition to come.
inline constexpr std::string_view kSelectKeys =
    "SELECT k.fingerprint, k.public_key, k.comment, k.user, k.created_at, a.name, k.last_used_at, k.uuid "
    "FROM keys k LEFT JOIN apps a ON a.id = k.app ";
inline constexpr std::string_view kSelectTokens =
    "SELECT t.id, t.user, t.description, t.kind, a.name, t.expires_at, t.created_at, t.last_used_at "
    "FROM tokens t LEFT JOIN apps a ON a.id = t.app ";
Key keyAt(const Rows& rows);
Token tokenAt(const Rows& rows);

/// Of the columns id, uuid, app, version, slug, stack, description, user, manifest, state, created_at,
/// run_image; without config vars.
Release releaseAt(const Rows& rows);

/// Child tables that hold a map: `sql` inserts (owner, name, value) or selects name, value.
void insertPairs(Connection& connection, std::string_view sql, std::int64_t owner,
                 const std::map<std::string, std::string>& pairs);
std::map<std::string, std::string> selectPairs(Connection& connection, std::string_view sql,
                                               std::int64_t owner);

/// The media type, digest, size and diffID columns from `column` on.
Layer layerAt(const Rows& rows, int column);

std::optional<std::int64_t> selectRepository(Connection& connection, const RepositoryName& name);
/// Makes it when it is new; one below an app's name belongs to the app.
std::int64_t ensureRepository(Connection& connection, const RepositoryName& name);
/// Adds a manifest's own rows to a repository, which change nothing when it has it; returns whether it was
/// new. Throws invalidArgument when the bytes are not the digest's.
bool insertManifestRows(Connection& connection, std::int64_t repository, const Manifest& manifest, Time now);
/// Throws invalidArgument for a name that no tag may have.
void moveTag(Connection& connection, std::int64_t repository, const std::string& tag, const Digest& manifest);
void holdBlob(Connection& connection, std::int64_t repository, const Descriptor& blob, Time now);

/// A manifest that was made here: its blobs are in the blob store, and the repository holds them from now on.
struct OwnManifest {
  const RepositoryName& repository;
  const Manifest& manifest;
  const std::vector<std::string>& tags;
  Time now;
};
/// Adds it, making the repository when it is new, and moves the tags to it.
void insertManifest(Connection& connection, const OwnManifest& own);

/// Part of createRelease, where the build's success appears with its release; throws conflict when the build
/// has ended already.
void succeedBuild(Connection& connection, AppId app, std::int64_t build, std::optional<std::int64_t> slug,
                  Time now);

/// With its layers, process types and config; throws notFound for an app that is gone.
Slug insertSlug(Connection& connection, const std::string& uuid, const NewSlug& slug, Time now);

/// For what triggers cannot see; in the change's transaction.
void recordEvent(Connection& connection, AppId app, std::string_view kind, std::string_view sentence);

void replaceFormation(Connection& connection, AppId app, const Formation& formation);
/// createApp's v1: no slug, no config.
void insertInitialRelease(Connection& connection, const App& app);

}  // namespace store::detail
