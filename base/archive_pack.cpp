// packTree of base/archive.h: the order, the owners and the times are ours, the tar format is libarchive's
// restricted pax. A golden digest in the tests guards the bytes, since slugs are named by them.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "base/archive.h"
#include "base/c_callback.h"
#include "base/c_handle.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX: what others can unpack

struct Entry {
  std::string path;  // with a final slash for a folder
  std::string linkTarget;
  unsigned type;  // AE_IFREG and the like
  unsigned mode;
  std::uint64_t size = 0;
};

using WriteHandle = CHandle<struct archive, &archive_write_free>;
using EntryHandle = CHandle<struct archive_entry, &archive_entry_free>;

/// libarchive's writer over a ByteSink. Its address is given to libarchive: neither copied nor moved.
class TarWriter {
 public:
  TarWriter(ByteSink& out, const PackOptions& options)
      : out_(out), options_(options), tar_(archive_write_new()), entry_(archive_entry_new()) {
    if (!tar_ || !entry_) throw std::bad_alloc();
    check(archive_write_set_format_pax_restricted(tar_.get()));
    // Bytes pass through unbuffered, and nothing is padded to a tape's record.
    check(archive_write_set_bytes_per_block(tar_.get(), 0));
    check(archive_write_set_bytes_in_last_block(tar_.get(), 1));
    check(archive_write_open(tar_.get(), this, nullptr, &TarWriter::onWrite, nullptr));
  }
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// The content has to follow, by content().
  void header(const Entry& entry) {
    struct archive_entry* raw = archive_entry_clear(entry_.get());
    archive_entry_set_pathname(raw, entry.path.c_str());
    archive_entry_set_filetype(raw, entry.type);
    archive_entry_set_perm(raw, entry.mode);
    if (entry.type == AE_IFLNK) archive_entry_set_symlink(raw, entry.linkTarget.c_str());
    archive_entry_set_uid(raw, options_.owner.uid);
    archive_entry_set_gid(raw, options_.owner.gid);
    archive_entry_set_mtime(raw, options_.mtimeSeconds, 0);
    archive_entry_set_size(raw, static_cast<la_int64_t>(entry.size));
    check(archive_write_header(tar_.get(), raw));
  }

  void content(const Fd& file, std::uint64_t size) {
    buffer_.resize(kBufferBytes);
    for (std::uint64_t left = size; left > 0;) {
      const std::size_t count = readSome(file, buffer_.data(), std::min<std::uint64_t>(left, buffer_.size()));
      if (count == 0) throw Error(Errc::io, "a file became shorter while it was packed");
      const la_ssize_t written = archive_write_data(tar_.get(), buffer_.data(), count);
      check(written == static_cast<la_ssize_t>(count) ? ARCHIVE_OK : ARCHIVE_FATAL);
      left -= count;
    }
  }

  void end(PackOptions::Ending ending) {
    check(archive_write_finish_entry(tar_.get()));  // pads the last file to a whole block
    if (ending == PackOptions::Ending::closed) check(archive_write_close(tar_.get()));
  }

  /// Freeing closes the archive: an abandoned one must not write its end, as if it were whole.
  ~TarWriter() {
    if (!parked_) parked_ = std::make_exception_ptr(Error(Errc::cancelled, "abandoned"));
  }

 private:
  static constexpr std::size_t kBufferBytes = 256 << 10;

  static la_ssize_t onWrite(struct archive*, void* self, const void* bytes, std::size_t count) {
    auto& writer = *static_cast<TarWriter*>(self);
    const auto all = static_cast<la_ssize_t>(count);
    // A failure is parked and never shown to libarchive, which leaks its buffers after one; what still comes
    // goes nowhere.
    if (writer.parked_) return all;
    return shielded<la_ssize_t>(writer.parked_, all, [&] {
      writer.out_.write({static_cast<const char*>(bytes), count});
      return all;
    });
  }

  /// ARCHIVE_WARN tells of a name that is not UTF-8: it was written as it is, and marked so.
  void check(int status) {
    if (parked_) std::rethrow_exception(parked_);  // kept: the sink stays closed
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) return;
    const char* text = archive_error_string(tar_.get());
    throw Error(Errc::io,
                std::string("writing the archive: ") + (text == nullptr ? "unknown failure" : text));
  }

  /// libarchive takes names for text of the thread's locale: with this one they are UTF-8 whatever the
  /// machine's is.
  class Utf8Locale {
   public:
    Utf8Locale() : own_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(::uselocale(own_)) {}
    ~Utf8Locale() {
      ::uselocale(before_);
      if (own_ != nullptr) ::freelocale(own_);
    }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

   private:
    locale_t own_;
    locale_t before_;
  };

  const Utf8Locale locale_;
  ByteSink& out_;
  const PackOptions& options_;
  std::exception_ptr parked_;
  std::string buffer_;
  WriteHandle tar_;
  EntryHandle entry_;
};

class Packer {
 public:
  Packer(const std::filesystem::path& folder, const PackOptions& options, ByteSink& out)
      : options_(options), tar_(out, options), root_(openFile(folder, O_RDONLY | O_DIRECTORY)) {}

  PackStats run(const std::vector<TreeEntry>& entries) {
    constexpr unsigned kRootMode = 0755;  // the folder itself is a temporary one with rights of its own
    write({.path = options_.prefix + "/", .linkTarget = {}, .type = AE_IFDIR, .mode = kRootMode});
    for (const TreeEntry& entry : entries)
      pack(entry);
    tar_.end(options_.ending);
    return stats_;
  }

 private:
  void write(const Entry& entry) {
    tar_.header(entry);
    ++stats_.entries;
  }

  void pack(const TreeEntry& entry) {
    Entry header{.path = options_.prefix + "/" + entry.path, .linkTarget = {}, .type = 0, .mode = entry.mode};
    if (header.path.size() > kMaxPathBytes) {
      throw Error(Errc::invalidArgument, "packing: a path is longer than " + std::to_string(kMaxPathBytes) +
                                             " bytes: " + printable(entry.path));
    }
    switch (entry.kind) {
      case TreeEntry::Kind::folder:
        header.path += '/';
        header.type = AE_IFDIR;
        return write(header);
      case TreeEntry::Kind::symlink:
        header.linkTarget = readLinkBelow(root_, entry.path);
        header.type = AE_IFLNK;
        return write(header);
      case TreeEntry::Kind::file:
        header.type = AE_IFREG;
        return packFile(entry, header);
    }
  }

  void packFile(const TreeEntry& entry, Entry& header) {
    // Not blocking, in case it was replaced by a fifo since it was listed.
    const Fd file = openBelow(root_, entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throwErrno(errno, "packing " + printable(entry.path));
    header.size = entry.sizeBytes;
    if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) != header.size)
      throw Error(Errc::io, "a file was changed while it was packed");
    write(header);
    tar_.content(file, header.size);
    stats_.contentBytes += header.size;
  }

  const PackOptions& options_;
  TarWriter tar_;
  Fd root_;
  PackStats stats_;
};

}  // namespace

PackStats packEntries(const std::filesystem::path& folder, const std::vector<TreeEntry>& entries,
                      const PackOptions& options, ByteSink& out) {
  return Packer(folder, options, out).run(entries);
}

PackStats packTree(const std::filesystem::path& folder, const PackOptions& options, ByteSink& out) {
  return packEntries(folder, listTree(folder), options, out);
}

}  // namespace base
