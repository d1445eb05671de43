#include "gitd/detail/pack_check.h"

#include <git2/sys/odb_backend.h>

#include "base/c_callback.h"
#include "base/digest.h"
#include "base/error.h"
#include "gitd/detail/git.h"
#include "gitd/detail/oid_table.h"
#include "gitd/detail/tree_rules.h"

namespace gitd::detail {
namespace {

void freeBackend(git_odb_backend* backend) {
  backend->free(backend);
}
using Backend = base::CHandle<git_odb_backend, &freeBackend>;

std::uint64_t randomKey() {
  return std::hash<std::string>{}(base::randomHex(8));
}

/// One object as the pack holds it, without a second hash over it: the indexer has just named it by its
/// content.
class RawObject {
 public:
  RawObject(git_odb_backend* backend, const git_oid& id) : backend_(backend) {
    checkGit(backend->read(&data_, &size_, &type_, backend, &id), "reading object " + toHex(id));
  }
  ~RawObject() { git_odb_backend_data_free(backend_, data_); }
  RawObject(const RawObject&) = delete;
  RawObject& operator=(const RawObject&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  git_odb_backend* backend_;
  void* data_ = nullptr;
  std::size_t size_ = 0;
  git_object_t type_ = GIT_OBJECT_INVALID;
};

class PackCheck {
 public:
  PackCheck(const std::filesystem::path& repository, const std::stop_token& stop)
      : repositoryObjects_(openObjects(repository)), stop_(stop), types_(randomKey()), known_(randomKey()) {}

  PackVerdict run(const std::optional<std::filesystem::path>& index, const std::vector<std::string>& tips) {
    if (index) {
      pack_ = acquireGit<Backend>(
          [&](git_odb_backend** out) { return git_odb_backend_one_pack(out, index->c_str()); },
          "reading the pack");
      listObjects();
      for (const git_oid& id : order_) {
        if (stop_.stop_requested()) throw base::Error(base::Errc::cancelled, "the client is gone");
        checkObject(id);
        if (verdict_.badObject || verdict_.missingObject) return verdict_;
      }
    }
    for (const std::string& tip : tips) {
      if (typeOf(parseOid(tip)) == GIT_OBJECT_INVALID)
        verdict_.missingObject = "object " + tip + " was not sent";
    }
    return verdict_;
  }

 private:
  /// In the order of the pack: deltas are then read near their bases.
  void listObjects() {
    const auto note = [](const git_oid* id, void* self) {
      auto& check = *static_cast<PackCheck*>(self);
      return base::shielded(check.parked_, -1, [&] {
        check.order_.push_back(*id);
        return 0;
      });
    };
    const int rc = pack_->foreach (pack_.get(), note, this);
    base::rethrowParked(parked_);
    checkGit(rc, "listing the pack");
    for (const git_oid& id : order_) {
      std::size_t size = 0;
      git_object_t type = GIT_OBJECT_INVALID;
      checkGit(pack_->read_header(&size, &type, pack_.get(), &id), "reading object " + toHex(id));
      types_.insert(id, type);
    }
  }

  void checkObject(const git_oid& id) {
    const git_object_t type = *types_.find(id);
    if (type == GIT_OBJECT_BLOB) return;
    const RawObject object(pack_.get(), id);
    const std::string finding = type == GIT_OBJECT_TREE     ? checkTree(object.bytes())
                                : type == GIT_OBJECT_COMMIT ? checkCommit(object.bytes())
                                                            : checkTag(object.bytes());
    if (!finding.empty()) {
      verdict_.badObject =
          std::string(git_object_type2string(type)) + " " + toHex(id) + " is not valid: " + finding;
    } else if (type == GIT_OBJECT_TREE) {
      checkTreeLinks(id, object.bytes());
    } else {
      checkHeaderLinks(id, type, object.bytes());
    }
  }

  void checkTreeLinks(const git_oid& from, std::string_view bytes) {
    TreeReader reader(bytes);
    while (const auto entry = reader.next()) {
      if (entry->kind == EntryKind::gitlink) continue;
      checkLink(from, entry->id, entry->kind == EntryKind::folder ? GIT_OBJECT_TREE : GIT_OBJECT_BLOB);
    }
  }

  /// The lines of a commit's or tag's header that name objects; checkCommit() and checkTag() have seen to
  /// their form.
  void checkHeaderLinks(const git_oid& from, git_object_t type, std::string_view bytes) {
    while (!bytes.empty() && bytes.front() != '\n') {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      const std::string_view line = bytes.substr(0, end);
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
      const std::size_t space = line.find(' ');
      if (space == std::string_view::npos) return;
      const std::string_view key = line.substr(0, space);
      const std::string value(line.substr(space + 1));
      if (type == GIT_OBJECT_TAG && key == "object") {
        // "type" is the next line.
        const std::size_t typeEnd = std::min(bytes.find('\n'), bytes.size());
        const std::string typeName(bytes.substr(0, typeEnd).substr(std::min<std::size_t>(5, typeEnd)));
        return checkLink(from, parseOid(value), git_object_string2type(typeName.c_str()));
      }
      if (type == GIT_OBJECT_COMMIT && key == "author") return;
      if (type == GIT_OBJECT_COMMIT)
        checkLink(from, parseOid(value), key == "tree" ? GIT_OBJECT_TREE : GIT_OBJECT_COMMIT);
    }
  }

  void checkLink(const git_oid& from, const git_oid& to, git_object_t wanted) {
    const git_object_t type = typeOf(to);
    if (type == wanted) return;
    if (type == GIT_OBJECT_INVALID) {
      verdict_.missingObject = "object " + toHex(to) + " was not sent (" + toHex(from) + " needs it)";
    } else {
      verdict_.badObject =
          "object " + toHex(from) + " names " + toHex(to) + " as a " + git_object_type2string(wanted);
    }
  }

  /// GIT_OBJECT_INVALID when it is nowhere.
  git_object_t typeOf(const git_oid& id) {
    if (const git_object_t* type = types_.find(id)) return *type;
    if (const git_object_t* type = known_.find(id)) return *type;
    git_object_t type = GIT_OBJECT_INVALID;
    // exists_ext first: read_header would look for new packs on every miss.
    if (git_odb_exists_ext(repositoryObjects_.get(), &id, GIT_ODB_LOOKUP_NO_REFRESH) != 0) {
      std::size_t size = 0;
      checkGit(git_odb_read_header(&size, &type, repositoryObjects_.get(), &id),
               "reading object " + toHex(id));
    }
    known_.insert(id, type);
    return type;
  }

  GitOdb repositoryObjects_;
  const std::stop_token& stop_;
  Backend pack_;
  std::vector<git_oid> order_;
  OidTable<git_object_t> types_;  // of the pack's objects
  OidTable<git_object_t> known_;  // of the repository's objects that were asked for
  std::exception_ptr parked_;
  PackVerdict verdict_;
};

}  // namespace

PackVerdict checkPack(const std::filesystem::path& repository,
                      const std::optional<std::filesystem::path>& index, const std::vector<std::string>& tips,
                      const std::stop_token& stop) {
  return PackCheck(repository, stop).run(index, tips);
}

}  // namespace gitd::detail
