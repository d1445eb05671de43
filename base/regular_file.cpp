#include "base/regular_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"

namespace base {

std::string readRest(const Fd& file, const std::string& name, std::size_t maxBytes) {
  std::string bytes;
  constexpr std::size_t kStep = 64u << 10;
  while (true) {
    const std::size_t used = bytes.size();
    bytes.resize(used + kStep);
    const std::size_t count = readSome(file, bytes.data() + used, kStep);
    bytes.resize(used + count);
    if (bytes.size() > maxBytes)
      throw Error(Errc::invalidArgument, name + " is larger than " + std::to_string(maxBytes) + " bytes");
    if (count == 0) return bytes;
  }
}

std::string readRegular(const Fd& file, const std::string& name, std::size_t maxBytes) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throwErrno(errno, "reading " + name);
  if (!S_ISREG(info.st_mode)) throw Error(Errc::invalidArgument, name + " is no file");
  return readRest(file, name, maxBytes);
}

}  // namespace base
