#include "base/tree_list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <future>
#include <limits>
#include <thread>
#include <utility>

#include "base/detail/tree_cursor.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX: what others can unpack
constexpr mode_t kPermissions = 0777;
constexpr std::size_t kBufferBytes = 256 << 10;

class Lister {
 public:
  Lister(Fd root, const std::set<std::string>& exclude) : exclude_(exclude), cursor_(std::move(root)) {}

  std::vector<TreeEntry> run() {
    std::vector<Level> levels;
    levels.push_back(listLevel(""));
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.folders.empty()) {
        levels.pop_back();
        if (!levels.empty()) cursor_.leave();
        continue;
      }
      const std::string name = std::move(level.folders.back());
      level.folders.pop_back();
      cursor_.enter(name);
      levels.push_back(listLevel(level.path + name + "/"));  // ends the use of level
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
    return std::move(entries_);
  }

 private:
  struct Level {
    std::string path;  // relative to the root, "" or with a final slash
    std::vector<std::string> folders;
  };

  Level listLevel(std::string path) {
    Level level{.path = std::move(path), .folders = {}};
    for (auto& name : detail::listNames(cursor_.folder())) {
      TreeEntry entry{.path = level.path + name};
      if (exclude_.contains(entry.path)) continue;
      struct stat info {};
      if (::fstatat(cursor_.folder().get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
        throwErrno(errno, "reading " + printable(name));
      if (S_ISDIR(info.st_mode)) {
        entry.kind = TreeEntry::Kind::folder;
      } else if (S_ISLNK(info.st_mode)) {
        entry.kind = TreeEntry::Kind::symlink;
      } else if (!S_ISREG(info.st_mode)) {
        continue;
      }
      if (entry.path.size() > kMaxPathBytes) {
        throw Error(Errc::invalidArgument, "a path is longer than " + std::to_string(kMaxPathBytes) +
                                               " bytes: " + printable(entry.path));
      }
      entry.mode = S_ISLNK(info.st_mode) ? kPermissions : info.st_mode & kPermissions;
      if (S_ISREG(info.st_mode)) entry.sizeBytes = static_cast<std::uint64_t>(info.st_size);
      entries_.push_back(std::move(entry));
      if (S_ISDIR(info.st_mode)) level.folders.push_back(std::move(name));
    }
    return level;
  }

  const std::set<std::string>& exclude_;
  detail::TreeCursor cursor_;
  std::vector<TreeEntry> entries_;
};

/// Length first, so that no two lists of fields give the same bytes.
void addField(Sha256& sha, std::string_view field) {
  sha.update(std::to_string(field.size()) + ":");
  sha.update(field);
}

Digest hashFile(const Fd& root, const TreeEntry& entry, std::string& buffer) {
  const Fd file = openBelow(root, entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  Sha256 sha;
  std::uint64_t total = 0;
  while (const std::size_t count = readSome(file, buffer.data(), buffer.size())) {
    sha.update({buffer.data(), count});
    total += count;
  }
  if (total != entry.sizeBytes) throw Error(Errc::io, "a file changed while it was read");
  return sha.finish();
}

/// The files' digests by the entries' positions, with the work shared out piece by piece.
class FileHasher {
 public:
  FileHasher(const std::filesystem::path& folder, const std::vector<TreeEntry>& entries)
      : root_(openFile(folder, O_RDONLY | O_DIRECTORY)), entries_(entries), digests_(entries.size()) {}

  std::vector<std::string> run(unsigned threads) {
    std::vector<std::future<void>> others;
    for (unsigned i = 1; i < threads; ++i)
      others.push_back(std::async(std::launch::async, [this] { work(); }));
    std::exception_ptr failure;
    const auto guarded = [&](auto&& step) {
      try {
        step();
      } catch (...) {
        failure = std::current_exception();
        next_ = entries_.size();
      }
    };
    guarded([&] { work(); });
    for (auto& other : others)
      guarded([&] { other.get(); });
    if (failure) std::rethrow_exception(failure);
    return std::move(digests_);
  }

 private:
  void work() {
    std::string buffer(kBufferBytes, '\0');
    constexpr std::size_t kPiece = 16;
    for (std::size_t from = next_.fetch_add(kPiece); from < entries_.size(); from = next_.fetch_add(kPiece)) {
      for (std::size_t i = from; i < std::min(from + kPiece, entries_.size()); ++i) {
        const TreeEntry& entry = entries_[i];
        if (entry.kind == TreeEntry::Kind::file) digests_[i] = hashFile(root_, entry, buffer).str();
        if (entry.kind == TreeEntry::Kind::symlink) digests_[i] = readLinkBelow(root_, entry.path);
      }
    }
  }

  Fd root_;
  const std::vector<TreeEntry>& entries_;
  std::vector<std::string> digests_;  // of a symlink: its target
  std::atomic<std::size_t> next_{0};
};

}  // namespace

std::vector<TreeEntry> listTree(const std::filesystem::path& folder, const std::set<std::string>& exclude) {
  return Lister(openFile(folder, O_RDONLY | O_DIRECTORY), exclude).run();
}

Digest hashTree(const std::filesystem::path& folder, const std::vector<TreeEntry>& entries,
                unsigned threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  const auto digests = FileHasher(folder, entries).run(threads);
  Sha256 sha;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    addField(sha, entries[i].path);
    addField(sha, std::to_string(static_cast<int>(entries[i].kind)) + " " + std::to_string(entries[i].mode));
    addField(sha, digests[i]);
  }
  return sha.finish();
}

std::string readLinkBelow(const Fd& root, const std::string& path) {
  const Fd link = openBelow(root, path, O_PATH | O_NOFOLLOW);
  std::array<char, kMaxPathBytes + 1> target{};
  const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
  if (length < 0) throwErrno(errno, "reading the link " + printable(path));
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace base
