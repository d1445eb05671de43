// unpackTar of base/archive.h: says what each entry means; detail::TreeBuilder makes it, beneath the folder
// only.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/archive.h"
#include "base/detail/archive_reader.h"
#include "base/detail/tree_builder.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";
constexpr std::string_view kReservedPrefix = ".wh..wh.";  // aufs keeps its own files under these

std::string_view required(const char* text, const char* what) {
  if (text == nullptr)
    throw Error(Errc::corrupt, std::string("the archive is damaged: an entry has no ") + what);
  return text;
}

void pwriteAll(const Fd& file, std::string_view bytes, std::int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
    if (count < 0 && errno != EINTR) throwErrno(errno, "unpacking a file");
    if (count <= 0) continue;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += count;
  }
}

class Unpacker {
 public:
  Unpacker(ByteSource& in, Fd folder, const UnpackOptions& options)
      : options_(options),
        reader_(in, detail::ArchiveReader::Format::tar),
        tree_(std::move(folder), {.keepOwners = options.keepOwners,
                                  .ownerShift = options.ownerShift,
                                  .whiteouts = options.whiteouts,
                                  .markOpaque = options.markOpaque,
                                  .ids = options.ids}) {}

  void run() {
    while (archive_entry* entry = reader_.next()) {
      if (++entries_ > options_.maxEntries) {
        throw Error(Errc::invalidArgument, "the archive has more than " +
                                               std::to_string(options_.maxEntries) + " entries (maxEntries)");
      }
      unpack(entry);
    }
    tree_.finish();
  }

 private:
  void unpack(archive_entry* entry) {
    const std::string path(required(archive_entry_pathname(entry), "name"));
    if (detail::entryComponents(path).size() > options_.maxDepth + 1) {
      throw Error(Errc::invalidArgument, "the archive is nested deeper than " +
                                             std::to_string(options_.maxDepth) + " folders (maxDepth)");
    }
    if (options_.whiteouts && unpackWhiteout(path)) return;
    const detail::EntryMeta meta{
        .mode = archive_entry_mode(entry), .uid = archive_entry_uid(entry), .gid = archive_entry_gid(entry)};
    if (const char* target = archive_entry_hardlink(entry)) return unpackHardLink(path, target);
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        return unpackFile(entry, path, meta);
      case AE_IFDIR:
        return tree_.folder(path, meta);
      case AE_IFLNK:
        return tree_.symlink(path, std::string(required(archive_entry_symlink(entry), "link target")), meta);
      case AE_IFCHR:
      case AE_IFBLK:
      case AE_IFIFO:
        if (options_.devices) tree_.device(path, archive_entry_rdev(entry), meta);
        return;
      default:
        return;  // sockets mean nothing outside their process
    }
  }

  /// OCI image-spec, Layer Filesystem Changeset, Whiteouts.
  bool unpackWhiteout(std::string_view path) {
    const auto components = detail::entryComponents(path);
    if (components.empty() || !components.back().starts_with(kWhiteoutPrefix)) return false;
    const std::string& name = components.back();
    const std::string parent = join({components.begin(), components.end() - 1}, "/");
    if (name == kOpaqueName) {
      tree_.opaque(parent);
    } else if (!name.starts_with(kReservedPrefix)) {
      std::string hidden = name.substr(kWhiteoutPrefix.size());
      if (hidden.empty() || hidden == "." || hidden == "..") {
        throw Error(Errc::invalidArgument, "unpacking: a whiteout without a name");
      }
      tree_.whiteout(parent, hidden);
    }
    return true;
  }

  void unpackHardLink(const std::string& path, const char* target) {
    if (!tree_.hardLink(path, target)) {
      throw Error(Errc::corrupt, "the archive is damaged: a hard link to a missing file: " + printable(path));
    }
  }

  void unpackFile(archive_entry* entry, const std::string& path, const detail::EntryMeta& meta) {
    const std::int64_t size = archive_entry_size(entry);
    if (size < 0) throw Error(Errc::corrupt, "the archive is damaged: a file without a size");
    contentBytes_ += static_cast<std::uint64_t>(size);
    if (contentBytes_ > options_.maxBytes) {
      throw Error(Errc::invalidArgument,
                  "the archive holds more than " + std::to_string(options_.maxBytes) + " bytes (maxBytes)");
    }
    const Fd file = tree_.file(path);
    std::int64_t written = 0;
    detail::ArchiveReader::Piece piece;
    while (reader_.read(piece)) {
      const auto length = static_cast<std::int64_t>(piece.bytes.size());
      if (piece.offset < 0 || piece.offset > size || length > size - piece.offset) {
        throw Error(Errc::corrupt, "the archive is damaged: a file is longer than it says");
      }
      pwriteAll(file, piece.bytes, piece.offset);
      written = piece.offset + length;
    }
    // A hole at the end has no bytes to write.
    if (written < size && ::ftruncate(file.get(), size) != 0) throwErrno(errno, "unpacking a file");
    tree_.finishFile(file, meta);
    if (options_.keepOwners && options_.capabilities && options_.ownerShift == 0)
      restoreCapabilities(entry, file);
  }

  /// After the owner, whose change takes them away.
  void restoreCapabilities(archive_entry* entry, const Fd& file) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr || std::string_view(name) != "security.capability") continue;
      if (::fsetxattr(file.get(), name, value, size, 0) != 0 && errno != ENOTSUP) {
        throwErrno(errno, "unpacking a file's capabilities");
      }
    }
  }

  const UnpackOptions& options_;
  detail::ArchiveReader reader_;
  detail::TreeBuilder tree_;
  std::uint64_t entries_ = 0;
  std::uint64_t contentBytes_ = 0;
};

}  // namespace

void unpackTar(ByteSource& in, const std::filesystem::path& folder, const UnpackOptions& options) {
  Unpacker(in, openFile(folder, O_RDONLY | O_DIRECTORY), options).run();
}

void readToEnd(ByteSource& in) {
  std::array<char, 16384> buffer;
  while (in.read(buffer.data(), buffer.size()) > 0) {
  }
}

void unpackTarFile(const std::filesystem::path& file, const std::filesystem::path& folder,
                   const UnpackOptions& options) {
  FileSource source(openFile(file, O_RDONLY));
  unpackTar(source, folder, options);
}

}  // namespace base
