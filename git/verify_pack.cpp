#include "git/verify_pack.h"

#include <git2.h>
#include <git2/odb_backend.h>
#include <git2/sys/odb_backend.h>

#include <string>

#include "base/c_handle.h"
#include "base/error.h"

namespace git {
namespace {

using Database = base::CHandle<git_odb, &git_odb_free>;
using FoundObject = base::CHandle<git_odb_object, &git_odb_object_free>;

/// libgit2 counts its starts.
class Library {
 public:
  Library() {
    if (git_libgit2_init() < 0) throw base::Error(base::Errc::internal, "libgit2 does not start");
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, kCacheBytes);
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  }
  ~Library() { git_libgit2_shutdown(); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

 private:
  static constexpr ssize_t kCacheBytes = 32 << 20;
};

struct Look {
  git_odb* database;
  const std::stop_token& stop;
  std::uint64_t seen = 0;
  std::string damaged{};
};

int readOne(const git_oid* id, void* payload) {
  Look& look = *static_cast<Look*>(payload);
  if (look.stop.stop_requested()) return GIT_EUSER;
  git_odb_object* raw = nullptr;
  const int rc = git_odb_read(&raw, look.database, id);
  const FoundObject object(raw);
  if (rc != 0) {
    char hex[GIT_OID_HEXSZ + 1];
    look.damaged = git_oid_tostr(hex, sizeof hex, id);
    return GIT_EUSER;
  }
  ++look.seen;
  return 0;
}

[[noreturn]] void throwDamaged(const std::filesystem::path& index, const std::string& object) {
  throw base::Error(base::Errc::corrupt,
                    index.stem().string() + " was written wrong" + (object.empty() ? "" : " at " + object));
}

}  // namespace

std::uint64_t verifyPack(const std::filesystem::path& index, const std::stop_token& stop) {
  const Library library;
  git_odb* raw = nullptr;
  const int made = git_odb_new(&raw);
  const Database database(raw);
  git_odb_backend* pack = nullptr;
  // Once added, the database frees it.
  if (made != 0 || git_odb_backend_one_pack(&pack, index.c_str()) != 0 ||
      git_odb_add_backend(database.get(), pack, 1) != 0) {
    throwDamaged(index, "");
  }
  Look look{database.get(), stop};
  const int rc = git_odb_foreach(database.get(), &readOne, &look);
  if (stop.stop_requested()) throw base::Error(base::Errc::cancelled, "looking through a pack was stopped");
  if (rc != 0 || !look.damaged.empty()) throwDamaged(index, look.damaged);
  return look.seen;
}

}  // namespace git
