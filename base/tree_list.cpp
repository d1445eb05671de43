#include "base/tree_list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "base/tree_cursor.h"
#include "base/tree_walk.h"

namespace base {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX: what others can unpack
constexpr mode_t kPermissions = 0777;

class Lister {
 public:
  Lister(Fd root, const std::set<std::string>& exclude) : exclude_(exclude), cursor_(std::move(root)) {}

  std::vector<TreeEntry> run() {
    walkTree(
        cursor_, [this](std::string path) { return listLevel(std::move(path)); }, [] { return false; });
    std::sort(entries_.begin(), entries_.end(),
              [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
    return std::move(entries_);
  }

 private:
  TreeLevel listLevel(std::string path) {
    TreeLevel level{.path = std::move(path), .folders = {}};
    for (auto& name : listNames(cursor_.folder())) {
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
  TreeCursor cursor_;
  std::vector<TreeEntry> entries_;
};

}  // namespace

std::vector<TreeEntry> listTree(const std::filesystem::path& folder, const std::set<std::string>& exclude) {
  return Lister(openFile(folder, O_RDONLY | O_DIRECTORY), exclude).run();
}

std::string readLinkBelow(const Fd& root, const std::string& path) {
  const Fd link = openBelow(root, path, O_PATH | O_NOFOLLOW);
  std::array<char, kMaxPathBytes + 1> target{};
  const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
  if (length < 0) throwErrno(errno, "reading the link " + printable(path));
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace base
