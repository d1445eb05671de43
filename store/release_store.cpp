#include "store/release_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <limits>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace detail {

const std::vector<std::pair<std::string_view, std::string_view>>& schemaFiles();  // made by cmake/embed.cmake

std::int64_t rowLimit(std::size_t limit) noexcept {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(limit, most));
}

Time timeAt(const Rows& rows, int column) {
  return Time(std::chrono::milliseconds(rows.integer(column)));
}

void insertPairs(Connection& connection, std::string_view sql, std::int64_t owner,
                 const std::map<std::string, std::string>& pairs) {
  for (const auto& [key, value] : pairs)
    connection.execute(sql, owner, key, value);
}

std::map<std::string, std::string> selectPairs(Connection& connection, std::string_view sql,
                                               std::int64_t owner) {
  std::map<std::string, std::string> pairs;
  Rows rows = connection.query(sql, owner);
  while (rows.next())
    pairs.emplace(rows.text(0), rows.text(1));
  return pairs;
}

Layer layerAt(const Rows& rows, int column) {
  return Layer{Descriptor{rows.text(column), rows.digest(column + 1),
                          static_cast<std::uint64_t>(rows.integer(column + 2))},
               rows.digest(column + 3)};
}

}  // namespace detail

namespace {

using detail::Connection;

/// SQLite would make the file with the umask's mode; its -wal and -shm take over the file's.
void makePrivateFile(const std::filesystem::path& file) {
  const int raw = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (raw < 0 && errno != EEXIST)
    base::throwErrno(errno, "creating the database " + file.filename().string());
  const base::Fd fd(raw);
  // By path when it exists: closing a descriptor of it here would drop the locks of another connection in
  // this process.
  if (::chmod(file.c_str(), 0600) != 0) base::throwErrno(errno, "making the database private");
  if (fd.valid()) base::fsyncFolder(std::filesystem::absolute(file).parent_path());
}

std::int64_t schemaVersion(Connection& connection) {
  auto rows = connection.query("PRAGMA user_version");
  return rows.next() ? rows.integer(0) : 0;
}

/// Each file of store/schema that is not applied yet, one transaction each.
void migrate(Connection& connection, const std::string& fileName) {
  const auto& files = detail::schemaFiles();
  const auto newest = static_cast<std::int64_t>(files.size());
  for (bool done = false; !done;) {
    detail::Transaction transaction(connection, detail::Transaction::Kind::writing);
    const std::int64_t current = schemaVersion(connection);
    if (current > newest) {
      throw base::Error(base::Errc::conflict,
                        "The database " + fileName + " was written by a newer Fairlead (schema " +
                            std::to_string(current) + ", this one knows " + std::to_string(newest) +
                            "); run that version or a later one");
    }
    done = current == newest;
    if (!done) {
      connection.runScript(std::string(files[static_cast<std::size_t>(current)].second));
      connection.runScript("PRAGMA user_version = " + std::to_string(current + 1));
    }
    transaction.commit();
  }
}

}  // namespace

ReleaseStore::ReleaseStore(const std::filesystem::path& file, const base::Clock& clock) {
  makePrivateFile(file);
  try {
    state_ = std::make_unique<State>(file, clock);
    migrate(*state_->pool.borrowWriter(), file.filename().string());
    openConfigKeys();
  } catch (base::Error& error) {
    throw error.addContext("opening " + file.filename().string());
  }
}

ReleaseStore::~ReleaseStore() = default;

}  // namespace store
