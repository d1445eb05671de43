// packTree of base/archive.h: the order, the owners and the times are ours, the tar format is libarchive's
// restricted pax. A golden digest in the tests guards the bytes, since slugs are named by them.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/c_callback.h"
#include "base/c_handle.h"
#include "base/detail/tree_cursor.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX: what others can unpack
constexpr mode_t kPermissions = 0777;

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

  void end() { check(archive_write_close(tar_.get())); }

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

/// What to do next in a folder: write NAME, or, for a key with a final slash, what is below it. "a-b" sorts
/// between "a" and "a/x", so a folder and its content are two steps.
struct Step {
  std::string key;
  mode_t mode;
};

class Packer {
 public:
  Packer(Fd root, const PackOptions& options, ByteSink& out)
      : options_(options), tar_(out, options), cursor_(std::move(root)) {}

  PackStats run() {
    constexpr unsigned kRootMode = 0755;  // the folder itself is a temporary one with rights of its own
    writeFolder(options_.prefix, kRootMode);
    levels_.push_back(listLevel(""));
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.next == level.steps.size()) {
        levels_.pop_back();
        if (!levels_.empty()) cursor_.leave();
        continue;
      }
      const Step& step = level.steps[level.next++];
      if (step.key.ends_with('/')) {
        const std::string name = step.key.substr(0, step.key.size() - 1);
        cursor_.enter(name);
        levels_.push_back(listLevel(level.path + step.key));  // ends the use of level and step
      } else {
        writeEntry(step, level.path);
      }
    }
    tar_.end();
    return stats_;
  }

 private:
  struct Level {
    std::string path;  // relative to the root, "" or with a final slash
    std::vector<Step> steps;
    std::size_t next = 0;
  };

  Level listLevel(std::string path) {
    Level level{.path = std::move(path), .steps = {}};
    for (auto& name : detail::listNames(cursor_.folder())) {
      if (options_.exclude.contains(level.path + name)) continue;
      struct stat info {};
      if (::fstatat(cursor_.folder().get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        throwErrno(errno, "packing " + printable(name));
      }
      if (S_ISDIR(info.st_mode)) level.steps.push_back({name + "/", info.st_mode});
      level.steps.push_back({std::move(name), info.st_mode});
    }
    std::sort(level.steps.begin(), level.steps.end(),
              [](const Step& a, const Step& b) { return a.key < b.key; });
    return level;
  }

  void writeEntry(const Step& step, const std::string& folder) {
    const std::string path = options_.prefix + "/" + folder + step.key;
    if (path.size() > kMaxPathBytes) {
      throw Error(Errc::invalidArgument,
                  "packing: a path is longer than " + std::to_string(kMaxPathBytes) + " bytes");
    }
    if (S_ISDIR(step.mode)) {
      writeFolder(path, step.mode & kPermissions);
    } else if (S_ISLNK(step.mode)) {
      writeSymlink(path, step.key);
    } else if (S_ISREG(step.mode)) {
      writeFile(path, step.key);
    }
  }

  void writeFolder(const std::string& path, unsigned mode) {
    tar_.header({.path = path + "/", .linkTarget = {}, .type = AE_IFDIR, .mode = mode});
    ++stats_.entries;
  }

  void writeSymlink(const std::string& path, const std::string& name) {
    std::array<char, kMaxPathBytes + 1> target{};
    const ssize_t length = ::readlinkat(cursor_.folder().get(), name.c_str(), target.data(), target.size());
    if (length < 0) throwErrno(errno, "packing " + printable(name));
    tar_.header({.path = path,
                 .linkTarget = std::string(target.data(), static_cast<std::size_t>(length)),
                 .type = AE_IFLNK,
                 .mode = kPermissions});
    ++stats_.entries;
  }

  void writeFile(const std::string& path, const std::string& name) {
    // Not blocking, in case it was replaced by a fifo since it was listed.
    const Fd file = openAt(cursor_.folder(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throwErrno(errno, "packing " + printable(name));
    if (!S_ISREG(info.st_mode)) throw Error(Errc::io, "a file was replaced while it was packed");
    const auto size = static_cast<std::uint64_t>(info.st_size);
    tar_.header({.path = path,
                 .linkTarget = {},
                 .type = AE_IFREG,
                 .mode = info.st_mode & kPermissions,
                 .size = size});
    tar_.content(file, size);
    ++stats_.entries;
    stats_.contentBytes += size;
  }

  const PackOptions& options_;
  TarWriter tar_;
  detail::TreeCursor cursor_;
  std::vector<Level> levels_;
  PackStats stats_;
};

}  // namespace

PackStats packTree(const std::filesystem::path& folder, const PackOptions& options, ByteSink& out) {
  return Packer(openFile(folder, O_RDONLY | O_DIRECTORY), options, out).run();
}

}  // namespace base
