// SQLite as four small types: connection, statement in use (Rows), transaction, and the pool that lends
// connections.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/c_handle.h"
#include "base/clock.h"
#include "base/digest.h"

namespace store::detail {

using ConnectionHandle = base::CHandle<sqlite3, &sqlite3_close>;
using StatementHandle = base::CHandle<sqlite3_stmt, &sqlite3_finalize>;

/// Bytes that are no text: bound as a BLOB.
struct Bytes {
  std::string_view view;
};

/// One execution of a statement: next() steps to each row. Resets the statement when it goes; the connection
/// outlives it. One thread at a time.
class Rows {
 public:
  Rows(sqlite3* connection, sqlite3_stmt* statement) noexcept
      : connection_(connection), statement_(statement) {}
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  /// False after the last row; throws Error.
  bool next();
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  bool isNull(int column) const;
  /// A digest as it was stored; throws corrupt when it is none.
  base::Digest digest(int column) const;

  void bind(int index, std::int64_t value);
  void bind(int index, int value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, std::string_view value);
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind(int index, Bytes value);
  void bind(int index, const base::Digest& value) { bind(index, std::string_view(value.str())); }
  void bind(int index, std::chrono::sys_time<std::chrono::milliseconds> value);
  template <typename T>
  void bind(int index, const std::optional<T>& value) {
    if (value) bind(index, *value);  // an unbound parameter is NULL
  }

 private:
  sqlite3* connection_;
  sqlite3_stmt* statement_;  // null when moved from
};

/// What the triggers that write events ask for, beside the thread's actor (store/acting.h): event_at() and
/// event_keep().
struct EventContext {
  const base::Clock& clock;
  std::atomic<std::int64_t> keep{100'000};  ///< events; older ones go
};

/// One database connection with its prepared statements. One thread at a time.
class Connection {
 public:
  /// `events` outlives it; without one changes that are recorded cannot be made.
  explicit Connection(const std::filesystem::path& file, const EventContext* events = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Arguments are bound to ?1, ?2, ...; they need to live only until the first next() if they are text: it
  /// is copied.
  template <typename... Args>
  Rows query(std::string_view sql, const Args&... args) {
    Rows rows(handle_.get(), prepare(sql));
    int index = 0;
    (rows.bind(++index, args), ...);
    return rows;
  }
  /// Runs a statement to its end and returns how many rows it changed itself (cascades not counted).
  template <typename... Args>
  std::int64_t execute(std::string_view sql, const Args&... args) {
    Rows rows = query(sql, args...);
    while (rows.next()) {
    }
    return sqlite3_changes64(handle_.get());
  }
  /// Whether the next commits wait until they are on the disk; always, unless it is said here.
  enum class Sync { full, later };
  void setSync(Sync sync);
  /// Runs several statements without parameters.
  void runScript(const std::string& sql);
  std::int64_t lastInsertId() const { return sqlite3_last_insert_rowid(handle_.get()); }
  bool inTransaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

 private:
  sqlite3_stmt* prepare(std::string_view sql);

  Sync sync_ = Sync::full;
  ConnectionHandle handle_;
  std::map<std::string, StatementHandle, std::less<>>
      statements_;  // after handle_: finalized before it closes
};

/// A writing transaction: excludes other writers from its start, and rolls back unless commit() ran.
class Transaction {
 public:
  enum class Kind { writing, noting };  ///< noting does not wait for the disk
  Transaction(Connection& connection, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Connection& connection_;
};

/// Lends connections to one database: one for writing, as many as there are callers for reading. A call
/// borrows at most one. Thread-safe.
class ConnectionPool {
 public:
  /// The connection for writing; returns it to the pool.
  class Writer {
   public:
    Writer(ConnectionPool& pool, std::unique_ptr<Connection> connection) noexcept
        : pool_(pool), connection_(std::move(connection)) {}
    ~Writer() { pool_.takeBackWriter(std::move(connection_)); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    Connection& operator*() const noexcept { return *connection_; }

   private:
    ConnectionPool& pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// A connection that sees one state of the database, the one that it was borrowed in or a later one;
  /// returns it to the pool.
  class Reader {
   public:
    Reader(ConnectionPool& pool, std::unique_ptr<Connection> connection, std::uint64_t state) noexcept
        : pool_(pool), connection_(std::move(connection)), state_(state) {}
    ~Reader() { pool_.takeBackReader(std::move(connection_), succeeded_ ? state_ : kNoState); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Connection& operator*() const noexcept { return *connection_; }
    /// Nothing went wrong on it: the next reader may look at the same state, if there is no later one.
    void succeeded() noexcept { succeeded_ = true; }

   private:
    ConnectionPool& pool_;
    std::unique_ptr<Connection> connection_;
    std::uint64_t state_;
    bool succeeded_ = false;
  };

  /// `events` outlives it.
  explicit ConnectionPool(std::filesystem::path file, const EventContext* events = nullptr);
  const std::filesystem::path& file() const noexcept { return file_; }
  /// Throws unavailable when other writers keep the only writing connection for 10 s.
  Writer borrowWriter();
  Reader borrowReader();
  /// Counts the times that something may have been written.
  std::uint64_t writes() const;
  /// Returns when it is another number, at the time given, or when it is asked to stop.
  void awaitWrite(std::uint64_t seen, std::chrono::steady_clock::time_point until, std::stop_token stop);

 private:
  static constexpr std::uint64_t kNoState = 0;

  void takeBackWriter(std::unique_ptr<Connection> connection) noexcept;
  void takeBackReader(std::unique_ptr<Connection> connection, std::uint64_t state) noexcept;

  std::filesystem::path file_;
  const EventContext* events_;
  mutable std::mutex mutex_;
  std::condition_variable writerReturned_;
  std::condition_variable_any written_;
  std::unique_ptr<Connection> writer_;  // null while lent; guarded by mutex_
  std::uint64_t state_ = 1;             // counts what may have been written; guarded by mutex_
  // Idle ones; guarded by mutex_. One in a transaction looks at the newest state: the next reader is spared
  // the beginning and the end of its own, which cost more than most queries.
  std::vector<std::unique_ptr<Connection>> readers_;
};

}  // namespace store::detail
