#include "git/detail/reflog.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/error.h"
#include "base/fd.h"
#include "git/detail/ref_stage.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

bool isLogged(const std::string& ref, Reflog::Which which) {
  if (which != Reflog::Which::branches) return which == Reflog::Which::all;
  return ref == "HEAD" || ref.starts_with("refs/heads/") || ref.starts_with("refs/remotes/") ||
         ref.starts_with("refs/notes/");
}

/// Empty folders where the log belongs were logs of refs that are gone.
base::Fd openLog(const fs::path& file, bool create) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
  base::Fd fd(::open(file.c_str(), kFlags));
  if (fd.valid() || !create) return fd;
  std::error_code failure;
  if (errno == EISDIR) removeEmptyFoldersBelow(file);
  fs::create_directories(file.parent_path(), failure);
  fd = base::Fd(::open(file.c_str(), kFlags | O_CREAT, 0644));
  if (!fd.valid()) base::throwErrno(errno, "writing a ref's log");
  return fd;
}

std::string timeText() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char zone[16] = "+0000";
  std::strftime(zone, sizeof zone, "%z", &local);
  return std::to_string(now) + " " + zone;
}

}  // namespace

void appendReflog(const fs::path& folder, const std::string& ref, const Reflog& reflog,
                  const ReflogEntry& entry) {
  const base::Fd file = openLog(folder / "logs" / ref, isLogged(ref, reflog.which));
  if (!file.valid()) return;
  base::writeAll(file, entry.oldId.hex() + " " + entry.newId.hex() + " " + reflog.identity + " " +
                           timeText() + "\t" + reflog.message + "\n");
}

void removeReflog(const fs::path& folder, const std::string& ref) {
  const fs::path file = folder / "logs" / ref;
  if (::unlink(file.c_str()) == 0) removeEmptyFoldersAbove(file, folder / "logs");
}

}  // namespace git::detail
