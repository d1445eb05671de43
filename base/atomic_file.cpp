#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/detail/remove_at.h"
#include "base/error.h"

namespace base {
namespace {

std::filesystem::path folderOf(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target, unsigned mode) : target_(std::move(target)) {
  std::string name = (folderOf(target_) / ("." + target_.filename().string() + ".XXXXXX.tmp")).string();
  constexpr int kSuffixLength = 4;
  fd_ = Fd(::mkostemps(name.data(), kSuffixLength, O_CLOEXEC));
  if (!fd_.valid()) throwErrno(errno, "writing " + target_.filename().string());
  temporary_ = name;
  if (::fchmod(fd_.get(), mode) != 0) {
    const int reason = errno;
    ::unlink(temporary_.c_str());  // the destructor does not run after a throw
    throwErrno(reason, "writing " + target_.filename().string());
  }
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  try {
    writeAll(fd_, bytes);
  } catch (Error& error) {
    throw error.addContext(target_.filename().string());
  }
}

void AtomicFile::commit() {
  CHECK(!temporary_.empty());
  const std::string doing = "writing " + target_.filename().string();
  fsyncOrThrow(fd_, doing);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) throwErrno(errno, doing);
  temporary_.clear();
  fd_.reset();
  fsyncFolder(folderOf(target_));
}

void writeFileAtomically(const std::filesystem::path& target, std::string_view bytes, unsigned mode) {
  AtomicFile file(target, mode);
  file.write(bytes);
  file.commit();
}

void fsyncFolder(const std::filesystem::path& folder) {
  fsyncOrThrow(openFile(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY), "syncing a folder");
}

void removeTree(const std::filesystem::path& path) {
  auto clean = path.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();  // "a/b/" means "a/b"
  const std::string name = clean.filename().string();
  if (name.empty() || name == "." || name == "..") {
    throw Error(Errc::invalidArgument, "removing a tree: it has no name");
  }
  struct stat info {};
  if (::stat(folderOf(clean).c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) return;
  detail::removeAt(openFile(folderOf(clean), O_RDONLY | O_DIRECTORY), name);
}

}  // namespace base
