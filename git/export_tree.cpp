#include "git/export_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/guarded.h"
#include "base/strings.h"
#include "git/detail/fsck_report.h"
#include "git/detail/id_table.h"
#include "git/detail/object_check.h"
#include "git/detail/tree_reader.h"
#include "git/fsck_policy.h"

namespace git {
namespace {

using detail::TreeEntry;

constexpr std::uint64_t kMaxSymlink = 4095;
constexpr std::uint64_t kMaxTree = 256u << 20;

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
std::string readObject(const ObjectSource& objects, const ObjectId& id, ObjectType wanted,
                       std::uint64_t maxBytes) {
  std::optional<Object> object = objects.find(id, maxBytes);
  if (!object) throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is missing: push it again");
  if (object->type != wanted)
    throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is not a " + std::string(name(wanted)));
  return std::move(object->data);
}

ObjectId idOf(const ObjectSource& objects, const TreeEntry& entry) {
  return {objects.format(), entry.id};
}

class NoLinks : public detail::LinkSink {
 public:
  void link(const std::uint8_t*, ObjectType) override {}
  void specialBlob(const std::uint8_t*, FsckMessage) override {}
};

/// Whoever received it has looked already; here a bad name would do the harm.
class TreeCheck {
 public:
  void check(const ObjectId& id, std::string_view bytes) {
    try {
      detail::checkTree(id, bytes, report_, links_);
    } catch (const base::Error& error) {
      throw base::Error(base::Errc::corrupt, error.what());
    }
  }

 private:
  const FsckPolicy policy_;
  detail::FsckReport report_{policy_};
  NoLinks links_;
};

void checkLength(std::string_view name) {
  if (name.size() > NAME_MAX)
    throw base::Error(base::Errc::invalidArgument,
                      "a file name is longer than 255 bytes: " + base::printable(name, 60));
}

/// Counts what a tree expands to before anything is written: each distinct tree is looked at once, so that
/// ten small objects which expand to 10^10 files are refused at once.
class TreeMeasure {
 public:
  TreeMeasure(const ObjectSource& objects, const ExportOptions& options)
      : objects_(objects), options_(options), known_(idSize(objects.format()), detail::randomTableKey()) {}

  Size measure(const ObjectId& tree, std::uint32_t depth) {
    if (const auto known = known_.find(tree.data())) {
      checkDepth(depth + sizes_[*known].height);
      return sizes_[*known];
    }
    checkDepth(depth);
    checkStop(options_.stop);
    const std::string bytes = readObject(objects_, tree, ObjectType::tree, kMaxTree);
    check_.check(tree, bytes);
    Size sum;
    detail::TreeReader reader(objects_.format(), bytes);
    while (const auto entry = reader.next()) {
      checkLength(entry->name);
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
    known_.insert(tree.data());
    sizes_.push_back(sum);
    return sum;
  }

 private:
  void checkDepth(std::uint32_t depth) const {
    if (depth > options_.maxDepth)
      throwLimit("is nested deeper than " + std::to_string(options_.maxDepth) + " folders",
                 "export_max_depth");
  }

  void addEntry(Size& sum, const TreeEntry& entry, std::uint32_t depth) {
    if (entry.isGitlink()) return;
    if (entry.isFolder()) {
      const Size below = measure(idOf(objects_, entry), depth + 1);
      sum.entries = addSaturated(sum.entries, below.entries);
      sum.bytes = addSaturated(sum.bytes, below.bytes);
      sum.height = std::max(sum.height, below.height + 1);
      return;
    }
    const ObjectId id = idOf(objects_, entry);
    const std::optional<ObjectHeader> header = objects_.findHeader(id);
    if (!header) throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is missing: push it again");
    if (header->type != ObjectType::blob)
      throw base::Error(base::Errc::corrupt, "object " + id.hex() + " is not a blob");
    sum.bytes = addSaturated(sum.bytes, header->size);
  }

  const ObjectSource& objects_;
  const ExportOptions& options_;
  TreeCheck check_;
  detail::IdTable known_;
  std::vector<Size> sizes_;  // by the table's numbers
};

/// (Git LFS specification, The Pointer.)
bool isLfsPointer(std::string_view bytes) {
  constexpr std::size_t kMaxPointer = 1024;
  return bytes.size() < kMaxPointer && bytes.starts_with("version https://git-lfs.github.com/spec/") &&
         bytes.find("\noid sha256:") != std::string_view::npos;
}

/// Whatever the umask is.
void setMode(const base::Fd& made, unsigned mode, const std::string& name) {
  if (::fchmod(made.get(), mode) != 0) base::throwErrno(errno, "writing " + base::printable(name));
}

/// Files of one folder, still to be written.
struct Batch {
  struct File {
    std::string name;
    ObjectId id;
    unsigned mode;
  };
  std::shared_ptr<const base::Fd> folder;
  std::vector<File> files;
};

/// Writes files on several threads: half of the work is the kernel's, half inflating. The first failure ends
/// it.
class FileWriter {
 public:
  FileWriter(const ObjectSource& objects, const ExportOptions& options)
      : objects_(objects),
        options_(options),
        crew_(std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads), kMaxWaiting,
              [this](Batch& batch) { writeOne(batch); }) {}

  void add(Batch batch) {
    crew_.add(std::move(batch));
    if (crew_.ended()) crew_.finish();  // throws
  }
  /// When all are written.
  ExportStats finish() {
    crew_.finish();
    return stats_.with([](const auto& stats) { return stats; });
  }

 private:
  void writeOne(const Batch& batch) {
    ExportStats written;
    for (const Batch::File& file : batch.files) {
      if (crew_.ended()) return;
      checkStop(options_.stop);
      writeFile(*batch.folder, file, written);
    }
    stats_.with([&](auto& stats) {
      stats.files += written.files;
      stats.bytes += written.bytes;
      stats.lfsPointers += written.lfsPointers;
    });
  }

  void writeFile(const base::Fd& folder, const Batch::File& file, ExportStats& written) {
    const std::string bytes = readObject(objects_, file.id, ObjectType::blob, options_.maxBytes);
    const base::Fd made = base::openAt(folder, file.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    base::writeAll(made, bytes);
    setMode(made, file.mode, file.name);
    ++written.files;
    written.bytes += bytes.size();
    if (isLfsPointer(bytes)) ++written.lfsPointers;
  }

  static constexpr unsigned kMaxThreads = 4;
  static constexpr std::size_t kMaxWaiting = 16;  // each holds its folder open

  const ObjectSource& objects_;
  const ExportOptions& options_;
  base::Guarded<ExportStats> stats_;
  base::Crew<Batch> crew_;  // last: its threads use what is above
};

/// Makes a measured tree's folders and symlinks by folder descriptors: no name is ever resolved through what
/// was written before.
class TreeWriter {
 public:
  TreeWriter(const ObjectSource& objects, const ExportOptions& options)
      : objects_(objects), options_(options), files_(objects, options) {}

  /// `path` is the folder's below the root: "" or with a final slash.
  void write(std::shared_ptr<const base::Fd> folder, const ObjectId& tree, const std::string& path) {
    checkStop(options_.stop);
    const std::string bytes = readObject(objects_, tree, ObjectType::tree, kMaxTree);
    detail::TreeReader reader(objects_.format(), bytes);
    Batch batch{.folder = std::move(folder), .files = {}};
    while (const auto entry = reader.next())
      writeEntry(batch, *entry, path);
    send(batch);
  }

  ExportStats finish() {
    ExportStats written = files_.finish();
    written.files += links_.files;
    written.bytes += links_.bytes;
    written.submodules = std::move(links_.submodules);
    return written;
  }

 private:
  void writeEntry(Batch& batch, const TreeEntry& entry, const std::string& path) {
    const std::string name(entry.name);
    const ObjectId id = idOf(objects_, entry);
    if (entry.isGitlink()) {
      links_.submodules.push_back({path + name, id});
      makeFolder(*batch.folder, name);
    } else if (entry.isFolder()) {
      write(std::make_shared<base::Fd>(makeFolder(*batch.folder, name)), id, path + name + "/");
    } else if (entry.isSymlink()) {
      writeSymlink(*batch.folder, name, id);
    } else {
      batch.files.push_back({name, id, (entry.mode & 0100u) != 0 ? 0755u : 0644u});
      constexpr std::size_t kBatchFiles = 32;
      if (batch.files.size() == kBatchFiles) send(batch);
    }
  }

  void send(Batch& batch) {
    if (!batch.files.empty()) files_.add({batch.folder, std::exchange(batch.files, {})});
  }

  base::Fd makeFolder(const base::Fd& folder, const std::string& name) {
    if (::mkdirat(folder.get(), name.c_str(), 0700) != 0)
      base::throwErrno(errno, "making folder " + base::printable(name));
    base::Fd made = base::openAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    setMode(made, 0755, name);
    return made;
  }

  void writeSymlink(const base::Fd& folder, const std::string& name, const ObjectId& id) {
    const std::string bytes = readObject(objects_, id, ObjectType::blob, options_.maxBytes);
    const std::string& target = bytes;
    if (target.empty() || target.size() > kMaxSymlink || target.find('\0') != std::string::npos) {
      throw base::Error(base::Errc::invalidArgument,
                        "symlink " + base::printable(name) + " has no usable target");
    }
    if (::symlinkat(target.c_str(), folder.get(), name.c_str()) != 0)
      base::throwErrno(errno, "making symlink " + base::printable(name));
    ++links_.files;
    links_.bytes += target.size();
  }

  const ObjectSource& objects_;
  const ExportOptions& options_;
  ExportStats links_;  // but for plain files
  FileWriter files_;
};

}  // namespace

ExportStats exportTree(const ObjectSource& objects, const ObjectId& tree, const std::filesystem::path& folder,
                       const ExportOptions& options) {
  TreeMeasure(objects, options).measure(tree, 0);
  TreeWriter writer(objects, options);
  writer.write(std::make_shared<base::Fd>(base::openFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)), tree,
               "");
  return writer.finish();
}

}  // namespace git
