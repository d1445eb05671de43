#include "store/detail/sqlite.h"

#include <utility>

#include "base/error.h"
#include "store/acting.h"

namespace store::detail {
namespace {

constexpr std::chrono::seconds kWriterWait{10};
constexpr int kBusyTimeoutMs = 10'000;  // for another process that has the database open
constexpr std::size_t kIdleReaders = 8;

base::Errc errcOf(int extendedCode) {
  switch (extendedCode & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return base::Errc::unavailable;
    case SQLITE_FULL:
      return base::Errc::diskFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return base::Errc::corrupt;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return base::Errc::io;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return base::Errc::permissionDenied;
    case SQLITE_TOOBIG:
      return base::Errc::invalidArgument;
    case SQLITE_CONSTRAINT:
      break;
    default:
      return base::Errc::internal;
  }
  switch (extendedCode) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
      return base::Errc::alreadyExists;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return base::Errc::notFound;
    default:
      return base::Errc::invalidArgument;
  }
}

[[noreturn]] void fail(sqlite3* connection, int code) {
  const int extended = connection ? sqlite3_extended_errcode(connection) : code;
  const char* text = connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  throw base::Error(errcOf(extended), std::string("database: ") + text);
}

/// False when the connection stays in a transaction.
bool rollBack(Connection& connection) noexcept {
  if (!connection.inTransaction()) return true;
  try {
    connection.execute("ROLLBACK");
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

const EventContext& contextOf(sqlite3_context* call) {
  return *static_cast<const EventContext*>(sqlite3_user_data(call));
}

/// Nothing may be thrown through SQLite: of what could be, only memory can be lacking.
template <typename Body>
void answer(sqlite3_context* call, Body body) noexcept {
  try {
    body();
  } catch (const std::exception&) {
    sqlite3_result_error_nomem(call);
  }
}

void eventAt(sqlite3_context* call, int, sqlite3_value**) {
  const auto now = contextOf(call).clock.now().time_since_epoch();
  sqlite3_result_int64(call, std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void eventKeep(sqlite3_context* call, int, sqlite3_value**) {
  sqlite3_result_int64(call, contextOf(call).keep);
}

void giveText(sqlite3_context* call, const std::string& text) {
  sqlite3_result_text64(call, text.c_str(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void eventActor(sqlite3_context* call, int, sqlite3_value**) {
  answer(call, [&] { giveText(call, ActingAs::current().user); });
}

void eventVia(sqlite3_context* call, int, sqlite3_value**) {
  answer(call, [&] { giveText(call, ActingAs::current().via); });
}

/// Innocuous: else triggers may not call them, since the schema is not trusted.
void addEventFunctions(sqlite3* connection, const EventContext& events) {
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  const std::pair<const char*, Function> functions[] = {{"event_at", &eventAt},
                                                        {"event_keep", &eventKeep},
                                                        {"event_actor", &eventActor},
                                                        {"event_via", &eventVia}};
  // SQLite's interface takes a pointer to what may be changed; these only read it.
  void* context = const_cast<EventContext*>(&events);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  for (const auto& [name, function] : functions) {
    const int code = sqlite3_create_function_v2(connection, name, 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, context,
                                                function, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(connection, code);
  }
}

}  // namespace

Rows::Rows(Rows&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

Rows::~Rows() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Rows::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  fail(connection_, code);
}

std::int64_t Rows::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Rows::text(int column) const {
  // column_blob first: it does not convert, so that the length is that of the bytes as stored.
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return length == 0 ? std::string() : std::string(static_cast<const char*>(bytes), length);
}

bool Rows::isNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

base::Digest Rows::digest(int column) const {
  if (auto digest = base::Digest::tryParse(text(column))) return *std::move(digest);
  throw base::Error(base::Errc::corrupt, "database: a stored digest is damaged");
}

void Rows::bind(int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_, index, value);
  if (code != SQLITE_OK) fail(connection_, code);
}

void Rows::bind(int index, std::string_view value) {
  // A null pointer would bind NULL.
  const char* bytes = value.empty() ? "" : value.data();
  const int code = sqlite3_bind_text64(statement_, index, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) fail(connection_, code);
}

void Rows::bind(int index, Bytes value) {
  const char* bytes = value.view.empty() ? "" : value.view.data();
  const int code = sqlite3_bind_blob64(statement_, index, bytes, value.view.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) fail(connection_, code);
}

void Rows::bind(int index, std::chrono::sys_time<std::chrono::milliseconds> value) {
  bind(index, static_cast<std::int64_t>(value.time_since_epoch().count()));
}

Connection::Connection(const std::filesystem::path& file, const EventContext* events) {
  // NOMUTEX: the pool lends a connection to one thread at a time.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  handle_ = base::acquire<ConnectionHandle>(
      [&](sqlite3** raw) { return sqlite3_open_v2(file.c_str(), raw, flags, nullptr); },
      [](int code, sqlite3* raw) { fail(raw, code); });
  sqlite3_busy_timeout(handle_.get(), kBusyTimeoutMs);
  runScript(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
      "PRAGMA trusted_schema = OFF;");
  if (events) addEventFunctions(handle_.get(), *events);
}

void Connection::runScript(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(handle_.get(), code);
}

void Connection::setSync(Sync sync) {
  if (sync == sync_) return;
  // In WAL mode NORMAL is consistent all the same, and the next FULL commit takes along what was not synced.
  runScript(sync == Sync::full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  sync_ = sync;
}

sqlite3_stmt* Connection::prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    auto statement = base::acquire<StatementHandle>(
        [&](sqlite3_stmt** raw) {
          return sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, raw, nullptr);
        },
        [&](int code, sqlite3_stmt*) { fail(handle_.get(), code); });
    found = statements_.emplace(sql, std::move(statement)).first;
  }
  // A statement has one set of bindings: using it inside its own loop would be a bug of ours.
  CHECK(sqlite3_stmt_busy(found->second.get()) == 0);
  return found->second.get();
}

Transaction::Transaction(Connection& connection, Kind kind) : connection_(connection) {
  // One whose rollback failed: a second try, rather than a connection that refuses every caller from then on.
  if (connection_.inTransaction()) connection_.execute("ROLLBACK");
  connection_.setSync(kind == Kind::noting ? Connection::Sync::later : Connection::Sync::full);
  connection_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // Already gone after commit(), and when SQLite itself rolled back (disk full, I/O error); else the
  // connection's next transaction tries again.
  rollBack(connection_);
}

void Transaction::commit() {
  connection_.execute("COMMIT");
}

ConnectionPool::ConnectionPool(std::filesystem::path file, const EventContext* events)
    : file_(std::move(file)), events_(events), writer_(std::make_unique<Connection>(file_, events)) {
  readers_.reserve(kIdleReaders);  // so that takeBackReader() cannot fail
}

ConnectionPool::Writer ConnectionPool::borrowWriter() {
  // Waiting here, not in SQLite's busy handler: that one sleeps and retries, and may starve a thread under
  // load.
  std::unique_lock lock(mutex_);
  if (!writerReturned_.wait_for(lock, kWriterWait, [&] { return writer_ != nullptr; })) {
    throw base::Error(base::Errc::unavailable, "The database is busy; try again in a moment");
  }
  return {*this, std::move(writer_)};
}

void ConnectionPool::takeBackWriter(std::unique_ptr<Connection> connection) noexcept {
  {
    const std::lock_guard lock(mutex_);
    writer_ = std::move(connection);
    ++state_;
    // Not left to the next reader, which may not come: who looks at an old state keeps the log of what was
    // written since from being used again. This touches shared memory, not the disk.
    std::erase_if(readers_, [](const auto& reader) { return !rollBack(*reader); });
  }
  writerReturned_.notify_one();
  written_.notify_all();
}

std::uint64_t ConnectionPool::writes() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void ConnectionPool::awaitWrite(std::uint64_t seen, std::chrono::steady_clock::time_point until,
                                std::stop_token stop) {
  std::unique_lock lock(mutex_);
  written_.wait_until(lock, stop, until, [&] { return state_ != seen; });
}

ConnectionPool::Reader ConnectionPool::borrowReader() {
  std::unique_ptr<Connection> reader;
  std::uint64_t state = 0;
  {
    const std::lock_guard lock(mutex_);
    state = state_;
    if (!readers_.empty()) {
      reader = std::move(readers_.back());
      readers_.pop_back();
    }
  }
  if (!reader) reader = std::make_unique<Connection>(file_, events_);
  if (!reader->inTransaction()) reader->execute("BEGIN");
  return {*this, std::move(reader), state};
}

void ConnectionPool::takeBackReader(std::unique_ptr<Connection> connection, std::uint64_t state) noexcept {
  const auto keep = [&] {
    if (readers_.size() < kIdleReaders) readers_.push_back(std::move(connection));
  };
  {
    const std::lock_guard lock(mutex_);
    if (state == state_) return keep();
  }
  if (!rollBack(*connection)) return;
  const std::lock_guard lock(mutex_);
  keep();
}

}  // namespace store::detail
