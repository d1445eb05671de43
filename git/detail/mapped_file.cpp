#include "git/detail/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace git::detail {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const base::Fd file = base::openFile(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) base::throwErrno(errno, "reading objects");
  if (!S_ISREG(status.st_mode)) throw base::Error(base::Errc::corrupt, "a pack is not a file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (start == MAP_FAILED) base::throwErrno(errno, "reading objects");
  bytes_ = {static_cast<const char*>(start), size};
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace git::detail
