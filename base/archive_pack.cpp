// packTree of base/archive.h. The tar is written by our own code (POSIX.1-2017, pax: ustar and pax
// interchange format), not by a library, because slugs are named by the digest of these bytes: they must not
// change with a library's version.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/detail/tree_cursor.h"
#include "base/detail/utf8.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kBlockBytes = 512;
constexpr std::size_t kNameBytes = 100;
constexpr std::size_t kPrefixBytes = 155;
constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX: what others can unpack
constexpr mode_t kPermissions = 0777;

enum class EntryType : char { file = '0', symlink = '2', folder = '5', extension = 'x' };

struct Entry {
  std::string path;  // with a final slash for a folder
  std::string linkTarget;
  EntryType type;
  unsigned mode;
  std::uint64_t size = 0;
};

bool isAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = detail::utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// A ustar header block under construction.
class HeaderBlock {
 public:
  explicit HeaderBlock(EntryType type) {
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    block_[156] = static_cast<char>(type);
    putOctal(329, 8, 0);  // device numbers
    putOctal(337, 8, 0);
  }

  void putName(std::string_view name, std::string_view prefix) {
    put(0, name.substr(0, kNameBytes));
    put(345, prefix);
  }
  void putLinkTarget(std::string_view target) { put(157, target.substr(0, kNameBytes)); }
  void putMode(unsigned mode) { putOctal(100, 8, mode); }
  /// False when the number does not fit: then the field is 0 and a pax record must hold it.
  bool putUid(std::uint64_t uid) { return putOctal(108, 8, uid); }
  bool putGid(std::uint64_t gid) { return putOctal(116, 8, gid); }
  bool putSize(std::uint64_t size) { return putOctal(124, 12, size); }
  bool putTime(std::int64_t seconds) {
    if (seconds >= 0) return putOctal(136, 12, static_cast<std::uint64_t>(seconds));
    putOctal(136, 12, 0);
    return false;
  }

  std::string_view finish() {
    std::memset(block_.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : block_)
      sum += static_cast<unsigned char>(c);
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%06o", sum);  // at most 512 * 255: six digits
    put(148, std::string_view(text.data(), 7));            // six digits and NUL; the space stays
    return {block_.data(), block_.size()};
  }

 private:
  void put(std::size_t offset, std::string_view bytes) { bytes.copy(block_.data() + offset, bytes.size()); }

  bool putOctal(std::size_t offset, std::size_t width, std::uint64_t value) {
    const std::size_t digits = width - 1;
    const bool fits = value < (std::uint64_t{1} << (3 * digits));
    if (!fits) value = 0;
    for (std::size_t i = digits; i-- > 0; value >>= 3)
      block_[offset + i] = static_cast<char>('0' + (value & 7));
    return fits;
  }

  std::array<char, kBlockBytes> block_{};
};

/// "LENGTH KEY=VALUE\n" where LENGTH counts itself.
std::string paxRecord(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest;
  while (rest + std::to_string(length).size() != length)
    length = rest + std::to_string(length).size();
  return std::to_string(length).append(" ").append(key).append("=").append(value).append("\n");
}

/// {prefix, name} of a path for the ustar fields; nullopt when it fits only a pax record.
std::optional<std::pair<std::string_view, std::string_view>> splitPath(std::string_view path) {
  if (!isAscii(path)) return std::nullopt;  // ustar does not say which characters others would be
  if (path.size() <= kNameBytes) return std::pair(std::string_view(), path);
  const std::size_t slash = path.rfind('/', std::min(kPrefixBytes, path.size() - 2));
  if (slash == std::string_view::npos || slash == 0 || path.size() - slash - 1 > kNameBytes)
    return std::nullopt;
  return std::pair(path.substr(0, slash), path.substr(slash + 1));
}

class TarWriter {
 public:
  TarWriter(ByteSink& out, const PackOptions& options) : out_(out), options_(options) {}

  /// The content has to follow, by content().
  void header(const Entry& entry) {
    HeaderBlock block(entry.type);
    std::string records;
    if (const auto split = splitPath(entry.path)) {
      block.putName(split->second, split->first);
    } else {
      block.putName(entry.path, {});
      records += paxRecord("path", entry.path);
    }
    block.putLinkTarget(entry.linkTarget);
    if (entry.linkTarget.size() > kNameBytes || !isAscii(entry.linkTarget)) {
      records += paxRecord("linkpath", entry.linkTarget);
    }
    // Names are UTF-8 unless said otherwise; that record must come first.
    if (!isUtf8(entry.path) || !isUtf8(entry.linkTarget))
      records.insert(0, paxRecord("hdrcharset", "BINARY"));
    block.putMode(entry.mode);
    if (!block.putUid(options_.owner.uid)) records += paxRecord("uid", std::to_string(options_.owner.uid));
    if (!block.putGid(options_.owner.gid)) records += paxRecord("gid", std::to_string(options_.owner.gid));
    if (!block.putSize(entry.size)) records += paxRecord("size", std::to_string(entry.size));
    if (!block.putTime(options_.mtimeSeconds))
      records += paxRecord("mtime", std::to_string(options_.mtimeSeconds));
    if (!records.empty()) extension(records);
    out_.write(block.finish());
  }

  void content(const Fd& file, std::uint64_t size) {
    buffer_.resize(kBufferBytes);
    for (std::uint64_t left = size; left > 0;) {
      const std::size_t count = readSome(file, buffer_.data(), std::min<std::uint64_t>(left, buffer_.size()));
      if (count == 0) throw Error(Errc::io, "a file became shorter while it was packed");
      out_.write({buffer_.data(), count});
      left -= count;
    }
    pad(size);
  }

  void end() { out_.write(std::string(2 * kBlockBytes, '\0')); }

 private:
  static constexpr std::size_t kBufferBytes = 256 << 10;

  void extension(const std::string& records) {
    HeaderBlock block(EntryType::extension);
    block.putName("./PaxHeaders/entry", {});
    block.putMode(0644);
    block.putUid(0);
    block.putGid(0);
    block.putTime(0);
    block.putSize(records.size());
    out_.write(block.finish());
    out_.write(records);
    pad(records.size());
  }

  void pad(std::uint64_t size) {
    static constexpr std::array<char, kBlockBytes> kZeros{};
    const std::size_t over = size % kBlockBytes;
    if (over != 0) out_.write({kZeros.data(), kBlockBytes - over});
  }

  ByteSink& out_;
  const PackOptions& options_;
  std::string buffer_;
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
    tar_.header({.path = path + "/", .linkTarget = {}, .type = EntryType::folder, .mode = mode});
    ++stats_.entries;
  }

  void writeSymlink(const std::string& path, const std::string& name) {
    std::array<char, kMaxPathBytes + 1> target{};
    const ssize_t length = ::readlinkat(cursor_.folder().get(), name.c_str(), target.data(), target.size());
    if (length < 0) throwErrno(errno, "packing " + printable(name));
    tar_.header({.path = path,
                 .linkTarget = std::string(target.data(), static_cast<std::size_t>(length)),
                 .type = EntryType::symlink,
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
                 .type = EntryType::file,
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
