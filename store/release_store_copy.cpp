// Copies of the database while it is used, and what a copy is checked by.
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "store/detail/release_store_state.h"

namespace store {

using detail::Connection;
using detail::Rows;

void ReleaseStore::copyTo(const std::filesystem::path& file) {
  // On a connection of its own: VACUUM is refused inside a transaction, which an idle reader may be in.
  Connection connection(state_->pool.file());
  connection.execute("VACUUM INTO ?1", file.string());
  if (::chmod(file.c_str(), 0600) != 0) base::throwErrno(errno, "making the copy of the database private");
}

void ReleaseStore::checkIntegrity() {
  const std::string found = state_->read([](Connection& connection) {
    Rows rows = connection.query("PRAGMA integrity_check(1)");
    return rows.next() ? rows.text(0) : std::string("nothing");
  });
  if (found != "ok") throw base::Error(base::Errc::corrupt, "the database is damaged: " + found);
}

std::vector<Digest> ReleaseStore::heldBlobs() {
  return state_->read([](Connection& connection) {
    std::vector<Digest> digests;
    Rows rows = connection.query(
        "SELECT digest FROM repository_blobs UNION SELECT digest FROM slug_layers UNION SELECT digest FROM "
        "stack_layers UNION SELECT digest FROM run_image_layers");
    while (rows.next())
      digests.push_back(rows.digest(0));
    return digests;
  });
}

}  // namespace store
