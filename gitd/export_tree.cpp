#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <limits>

#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "gitd/detail/git.h"
#include "gitd/detail/oid_table.h"
#include "gitd/detail/tree_rules.h"
#include "gitd/repository.h"

namespace gitd {
namespace {

using detail::EntryKind;
using detail::TreeEntry;

constexpr std::uint64_t kMaxSymlink = 4095;

struct Size {
  std::uint64_t entries = 0;  // files, symlinks and folders: a tree of empty folders costs as much
  std::uint64_t bytes = 0;
  std::uint32_t height = 0;
};

std::uint64_t addSaturated(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max()
                                                           : a + b;
}

void checkStop(const std::stop_token& stop) {
  if (stop.stop_requested()) throw base::Error(base::Errc::cancelled, "the export was cancelled");
}

[[noreturn]] void throwLimit(const std::string& what, const std::string& setting) {
  throw base::Error(base::Errc::invalidArgument, "the source tree " + what + " (setting " + setting + ")");
}

/// An object of the wanted type, whole in memory.
class ObjectBytes {
 public:
  ObjectBytes(git_odb* odb, const git_oid& id, git_object_t wanted) {
    object_ = detail::acquireGit<detail::GitOdbObject>(
        [&](git_odb_object** out) { return git_odb_read(out, odb, &id); },
        "reading object " + detail::toHex(id));
    if (git_odb_object_type(object_.get()) != wanted) {
      throw base::Error(base::Errc::corrupt,
                        "object " + detail::toHex(id) + " is not a " + git_object_type2string(wanted));
    }
  }
  std::string_view view() const {
    return {static_cast<const char*>(git_odb_object_data(object_.get())), git_odb_object_size(object_.get())};
  }

 private:
  detail::GitOdbObject object_;
};

/// Counts what a tree expands to before anything is written: each distinct tree is looked at once, so that
/// ten small objects which expand to 10^10 files are refused at once.
class TreeMeasure {
 public:
  TreeMeasure(git_odb* odb, const ExportOptions& options)
      : odb_(odb), options_(options), known_(std::hash<std::string>{}(base::randomHex(8))) {}

  Size measure(const git_oid& tree, std::uint32_t depth) {
    if (const Size* known = known_.find(tree)) {
      checkDepth(depth + known->height);
      return *known;
    }
    checkDepth(depth);
    checkStop(options_.stop);
    const ObjectBytes bytes(odb_, tree, GIT_OBJECT_TREE);
    if (const std::string finding = detail::checkTree(bytes.view()); !finding.empty()) {
      throw base::Error(base::Errc::corrupt, "tree " + detail::toHex(tree) + " is not valid: " + finding);
    }
    Size sum;
    detail::TreeReader reader(bytes.view());
    while (const auto entry = reader.next()) {
      sum.entries = addSaturated(sum.entries, 1);
      addEntry(sum, *entry, depth);
      if (sum.entries > options_.maxFiles) {
        throwLimit("has more than " + std::to_string(options_.maxFiles) + " files and folders",
                   "export_max_files");
      }
      if (sum.bytes > options_.maxBytes) {
        throwLimit("is larger than " + base::formatBytes(options_.maxBytes), "export_max_bytes");
      }
    }
    known_.insert(tree, sum);
    return sum;
  }

 private:
  void checkDepth(std::uint32_t depth) const {
    if (depth > options_.maxDepth)
      throwLimit("is nested deeper than " + std::to_string(options_.maxDepth) + " folders",
                 "export_max_depth");
  }

  void addEntry(Size& sum, const TreeEntry& entry, std::uint32_t depth) {
    if (entry.name.size() > NAME_MAX) {
      throw base::Error(base::Errc::invalidArgument,
                        "a file name is longer than 255 bytes: " + base::printable(entry.name, 60));
    }
    if (entry.kind == EntryKind::gitlink) return;
    if (entry.kind == EntryKind::folder) {
      const Size below = measure(entry.id, depth + 1);
      sum.entries = addSaturated(sum.entries, below.entries);
      sum.bytes = addSaturated(sum.bytes, below.bytes);
      sum.height = std::max(sum.height, below.height + 1);
      return;
    }
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    detail::checkGit(git_odb_read_header(&size, &type, odb_, &entry.id),
                     "reading object " + detail::toHex(entry.id));
    if (type != GIT_OBJECT_BLOB)
      throw base::Error(base::Errc::corrupt, "object " + detail::toHex(entry.id) + " is not a blob");
    sum.bytes = addSaturated(sum.bytes, size);
  }

  git_odb* odb_;
  const ExportOptions& options_;
  detail::OidTable<Size> known_;
};

/// (Git LFS specification, The Pointer.)
bool isLfsPointer(std::string_view bytes) {
  constexpr std::size_t kMaxPointer = 1024;
  return bytes.size() < kMaxPointer && bytes.starts_with("version https://git-lfs.github.com/spec/") &&
         bytes.find("\noid sha256:") != std::string_view::npos;
}

/// Writes a measured tree by folder descriptors: no name is ever resolved through what was written before.
class TreeWriter {
 public:
  TreeWriter(git_odb* odb, const ExportOptions& options) : odb_(odb), options_(options) {}

  void write(const base::Fd& folder, const git_oid& tree) {
    checkStop(options_.stop);
    const ObjectBytes bytes(odb_, tree, GIT_OBJECT_TREE);
    detail::TreeReader reader(bytes.view());
    while (const auto entry = reader.next())
      writeEntry(folder, *entry);
  }

  const ExportStats& stats() const { return stats_; }

 private:
  void writeEntry(const base::Fd& folder, const TreeEntry& entry) {
    const std::string name(entry.name);
    switch (entry.kind) {
      case EntryKind::gitlink:
        ++stats_.submodules;
        makeFolder(folder, name);
        return;
      case EntryKind::folder: {
        const base::Fd below = makeFolder(folder, name);
        return write(below, entry.id);
      }
      case EntryKind::symlink:
        return writeSymlink(folder, name, entry.id);
      case EntryKind::file:
        return writeFile(folder, name, entry.id, 0644);
      case EntryKind::executable:
        return writeFile(folder, name, entry.id, 0755);
    }
  }

  base::Fd makeFolder(const base::Fd& folder, const std::string& name) {
    if (::mkdirat(folder.get(), name.c_str(), 0700) != 0)
      base::throwErrno(errno, "making folder " + base::printable(name));
    base::Fd made = base::openAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    own(made, 0755, name);
    return made;
  }

  void writeFile(const base::Fd& folder, const std::string& name, const git_oid& id, unsigned mode) {
    const ObjectBytes bytes(odb_, id, GIT_OBJECT_BLOB);
    const base::Fd file = base::openAt(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    base::writeAll(file, bytes.view());
    own(file, mode, name);
    ++stats_.files;
    stats_.bytes += bytes.view().size();
    if (isLfsPointer(bytes.view())) ++stats_.lfsPointers;
  }

  void writeSymlink(const base::Fd& folder, const std::string& name, const git_oid& id) {
    const ObjectBytes bytes(odb_, id, GIT_OBJECT_BLOB);
    const std::string target(bytes.view());
    if (target.empty() || target.size() > kMaxSymlink || target.find('\0') != std::string::npos) {
      throw base::Error(base::Errc::invalidArgument,
                        "symlink " + base::printable(name) + " has no usable target");
    }
    if (::symlinkat(target.c_str(), folder.get(), name.c_str()) != 0)
      base::throwErrno(errno, "making symlink " + base::printable(name));
    if (::fchownat(folder.get(), name.c_str(), options_.uid, options_.gid, AT_SYMLINK_NOFOLLOW) != 0) {
      base::throwErrno(errno, "giving away symlink " + base::printable(name));
    }
    ++stats_.files;
    stats_.bytes += target.size();
  }

  /// Owner first: chown takes mode bits away.
  void own(const base::Fd& made, unsigned mode, const std::string& name) {
    if (::fchown(made.get(), options_.uid, options_.gid) != 0 || ::fchmod(made.get(), mode) != 0) {
      base::throwErrno(errno, "giving away " + base::printable(name));
    }
  }

  git_odb* odb_;
  const ExportOptions& options_;
  ExportStats stats_;
};

git_oid treeOf(git_odb* odb, const git_oid& commit) {
  const auto view = detail::acquireGit<detail::GitRepository>(
      [&](git_repository** out) { return git_repository_wrap_odb(out, odb); }, "reading the commit");
  const auto object = detail::acquireGit<detail::GitObject>(
      [&](git_object** out) { return git_object_lookup(out, view.get(), &commit, GIT_OBJECT_ANY); },
      "reading the commit");
  const auto tree = detail::acquireGit<detail::GitObject>(
      [&](git_object** out) { return git_object_peel(out, object.get(), GIT_OBJECT_TREE); },
      "reading the commit's tree");
  return *git_object_id(tree.get());
}

}  // namespace

ExportStats exportTree(const std::filesystem::path& repository, const Quarantine* quarantine,
                       const std::string& commit, const std::filesystem::path& folder,
                       const ExportOptions& options) {
  const git_oid id = detail::parseOid(commit);
  const auto odb =
      detail::openObjects(repository, quarantine ? quarantine->objects() : std::filesystem::path());
  try {
    const git_oid tree = treeOf(odb.get(), id);
    TreeMeasure(odb.get(), options).measure(tree, 0);
    TreeWriter writer(odb.get(), options);
    writer.write(base::openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), tree);
    return writer.stats();
  } catch (base::Error& error) {
    // To the caller a missing object is damage, not absence.
    if (error.code() == base::Errc::notFound) throw base::Error(base::Errc::corrupt, error.what());
    throw;
  }
}

}  // namespace gitd
