#include "base/tree_size.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/tree_cursor.h"

namespace base {
namespace {

constexpr std::uint64_t kBlockBytes = 512;  // the unit of st_blocks, whatever the file system's is

class Measure {
 public:
  Measure(Fd root, const TreeSizeLimits& limits) : limits_(limits), cursor_(std::move(root)) {}

  TreeSize run() {
    levels_.push_back({listNames(cursor_.folder()), 0});
    while (!levels_.empty() && size_.entries < limits_.maxEntries && !limits_.stop.stop_requested()) {
      Level& level = levels_.back();
      if (level.names.empty()) {
        levels_.pop_back();
        if (!levels_.empty()) cursor_.leave();
        continue;
      }
      const std::string name = std::move(level.names.back());
      level.names.pop_back();
      lookAt(name, level.pathBytes);  // ends the use of level
    }
    return size_;
  }

 private:
  struct Level {
    std::vector<std::string> names;  // still to be looked at
    std::uint64_t pathBytes;         // of the folder's own path and its slash
  };

  void lookAt(const std::string& name, std::uint64_t above) {
    struct stat info {};
    if (::fstatat(cursor_.folder().get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;
      throwErrno(errno, "measuring a tree");
    }
    ++size_.entries;
    size_.longestPath = std::max(size_.longestPath, above + name.size());
    const bool counted =
        info.st_nlink > 1 && !S_ISDIR(info.st_mode) && !linked_.insert({info.st_dev, info.st_ino}).second;
    if (!counted) size_.diskBytes += static_cast<std::uint64_t>(info.st_blocks) * kBlockBytes;
    if (S_ISREG(info.st_mode)) size_.contentBytes += static_cast<std::uint64_t>(info.st_size);
    if (S_ISDIR(info.st_mode) && cursor_.tryEnter(name))
      levels_.push_back({listNames(cursor_.folder()), above + name.size() + 1});
  }

  const TreeSizeLimits& limits_;
  TreeCursor cursor_;
  std::vector<Level> levels_;
  std::set<std::pair<dev_t, ino_t>> linked_;
  TreeSize size_;
};

}  // namespace

TreeSize measureTree(const std::filesystem::path& folder, const TreeSizeLimits& limits) {
  return Measure(openFile(folder, O_RDONLY | O_DIRECTORY), limits).run();
}

}  // namespace base
