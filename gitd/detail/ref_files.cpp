#include "gitd/detail/ref_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "gitd/detail/ref_name.h"

namespace gitd::detail {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxSymbolicDepth = 5;
constexpr std::size_t kMaxPackedRefs = 64u << 20;
constexpr auto kLockPatience = std::chrono::seconds(1);

/// Content of a small file, nullopt when it (or a folder above it) does not exist or is a folder.
std::optional<std::string> readIfFile(const fs::path& file, std::size_t maxBytes) {
  std::error_code failure;
  if (!fs::is_regular_file(file, failure)) return std::nullopt;
  try {
    return base::readFile(file, maxBytes);
  } catch (const base::Error& error) {
    // Deleted in between.
    if (error.code() == base::Errc::notFound) return std::nullopt;
    throw;
  }
}

/// Calls body(id, name) for each line of packed-refs until it returns true.
template <typename Body>
void eachPackedRef(const fs::path& repository, Body body) {
  const auto text = readIfFile(repository / "packed-refs", kMaxPackedRefs);
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.size() < 42 || line.front() == '#' || line.front() == '^') continue;
    if (body(line.substr(0, 40), line.substr(41))) return;
  }
}

/// One step: an id, or "ref: NAME".
std::optional<std::string> readOnce(const fs::path& repository, const std::string& ref) {
  if (const auto loose = readIfFile(repository / ref, 1024)) return std::string(base::trim(*loose));
  std::optional<std::string> found;
  eachPackedRef(repository, [&](std::string_view id, std::string_view name) {
    if (name == ref) found = std::string(id);
    return found.has_value();
  });
  return found;
}

void checkRefName(const std::string& ref) {
  if (ref != "HEAD" && !isRefName(ref)) {
    throw base::Error(base::Errc::invalidArgument, "not a ref name: " + base::printable(ref));
  }
}

[[noreturn]] void throwInTheWay(const std::string& ref) {
  throw base::Error(base::Errc::conflict,
                    "another ref is in the way of " + ref + " (a name cannot be a folder too)");
}

void refusePackedNeighbours(const fs::path& repository, const std::string& ref) {
  eachPackedRef(repository, [&](std::string_view, std::string_view name) {
    const bool below = name.starts_with(ref + "/");
    const bool above = ref.starts_with(std::string(name) + "/");
    if (below || above) throwInTheWay(ref);
    return false;
  });
}

}  // namespace

std::optional<std::string> readRefFile(const fs::path& repository, const std::string& ref) {
  std::string name = ref;
  for (int depth = 0; depth < kMaxSymbolicDepth; ++depth) {
    checkRefName(name);
    const auto content = readOnce(repository, name);
    if (!content) return std::nullopt;
    if (!content->starts_with("ref: ")) {
      if (isObjectId(*content)) return content;
      throw base::Error(base::Errc::corrupt, "the file of ref " + name + " is damaged");
    }
    name = base::trim(std::string_view(*content).substr(5));
  }
  throw base::Error(base::Errc::corrupt, "ref " + ref + " points to itself");
}

RefLock::RefLock(fs::path repository, std::string ref)
    : repository_(std::move(repository)), ref_(std::move(ref)), file_(repository_ / ref_), lockFile_(file_) {
  checkRefName(ref_);
  lockFile_ += ".lock";
  refusePackedNeighbours(repository_, ref_);
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (true) {
    std::error_code failure;
    madeFolders_ = fs::create_directories(file_.parent_path(), failure) || madeFolders_;
    if (failure == std::errc::not_a_directory || failure == std::errc::file_exists) throwInTheWay(ref_);
    lock_ = ::open(lockFile_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (lock_ >= 0) return;
    if (errno == ENOTDIR) throwInTheWay(ref_);
    // ENOENT: git has just removed the empty folder; made again in the next round.
    if (errno != EEXIST && errno != ENOENT) base::throwErrno(errno, "locking " + ref_);
    if (std::chrono::steady_clock::now() >= deadline) {
      throw base::Error(base::Errc::conflict, "another update of " + ref_ + " is under way: try again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

RefLock::~RefLock() {
  if (lock_ < 0) return;
  ::close(lock_);
  ::unlink(lockFile_.c_str());
}

void RefLock::commit(const std::string& content) {
  base::Fd file(::dup(lock_));
  base::writeAll(file, content);
  base::fsyncOrThrow(file, "writing " + ref_);
  if (::rename(lockFile_.c_str(), file_.c_str()) != 0) {
    // A folder of refs that are all gone does not count.
    if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST) base::throwErrno(errno, "moving " + ref_);
    if (::rmdir(file_.c_str()) != 0 || ::rename(lockFile_.c_str(), file_.c_str()) != 0) throwInTheWay(ref_);
  }
  ::close(std::exchange(lock_, -1));
  for (fs::path folder = file_.parent_path();; folder = folder.parent_path()) {
    base::fsyncFolder(folder);
    if (!madeFolders_ || folder == repository_ || folder == folder.parent_path()) break;
  }
}

void removeStaleRefLocks(const fs::path& repository) {
  std::error_code ignored;
  fs::remove(repository / "HEAD.lock", ignored);
  fs::remove(repository / "packed-refs.lock", ignored);
  for (fs::recursive_directory_iterator at(repository / "refs", ignored), end; at != end;
       at.increment(ignored)) {
    if (at->path().extension() == ".lock" && at->is_regular_file(ignored)) fs::remove(at->path(), ignored);
  }
}

}  // namespace gitd::detail
