#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/fd.h"

namespace testing_support {
namespace {

constexpr auto kFiller = "filler";

}  // namespace

SmallDisk::SmallDisk(std::filesystem::path folder, std::uint64_t bytes) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  const std::string options = "mode=0755,size=" + std::to_string(bytes);
  mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
             ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
             ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
}

std::uint64_t SmallDisk::freeBytes() const {
  struct statvfs found {};
  if (::statvfs(folder_.c_str(), &found) != 0) base::throwErrno(errno, "looking at the disk");
  return found.f_bavail * found.f_bsize;
}

void SmallDisk::fill(std::uint64_t leave) const {
  const base::Fd file = base::openFile(folder_ / kFiller, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const std::uint64_t free = freeBytes();
  if (free <= leave) return;
  if (const int failure = ::posix_fallocate(file.get(), 0, static_cast<off_t>(free - leave)); failure != 0)
    base::throwErrno(failure, "filling the disk");
}

void SmallDisk::empty() const {
  std::error_code ignored;
  std::filesystem::remove(folder_ / kFiller, ignored);
}

}  // namespace testing_support
