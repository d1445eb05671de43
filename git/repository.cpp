#include "git/repository.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/strings.h"
#include "git/detail/repository_config.h"

namespace git {
namespace {

namespace fs = std::filesystem;

// Packs are kept as they came; only our own maintenance may remove objects.
constexpr std::string_view kConfigTail = "[gc]\n\tauto = 0\n";

std::string configFor(ObjectFormat format) {
  const bool extended = format != ObjectFormat::sha1;
  std::string text = "[core]\n\trepositoryformatversion = ";
  text.append(extended ? "1" : "0").append("\n\tfilemode = true\n\tbare = true\n");
  if (extended) text.append("[extensions]\n\tobjectformat = ").append(name(format)).append("\n");
  return text.append(kConfigTail);
}

void makeFolder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0) base::throwErrno(errno, "making a repository");
}

}  // namespace

Repository openBareRepository(const fs::path& folder) {
  std::error_code failure;
  if (!fs::is_directory(folder / "objects", failure) || !fs::exists(folder / "HEAD", failure))
    throw base::Error(base::Errc::notFound, "there is no repository");
  const detail::RepositoryConfig config({folder / "config"});
  Repository repository{folder, folder, std::nullopt, ObjectFormat::sha1};
  if (const auto format = config.text("extensions.objectformat")) {
    const auto known = parseObjectFormat(*format);
    if (!known) {
      throw base::Error(base::Errc::invalidArgument,
                        "the repository's object format " + base::printable(*format) + " is not known");
    }
    repository.format = *known;
  }
  return repository;
}

void createRepository(const fs::path& folder, ObjectFormat format) {
  const fs::path parent = folder.parent_path();
  std::string aside = (parent / ("." + folder.filename().string() + ".XXXXXX")).string();
  if (::mkdtemp(aside.data()) == nullptr) base::throwErrno(errno, "making a repository");
  try {
    const fs::path made = aside;
    for (const char* part : {"objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"})
      makeFolder(made / part);
    base::writeFileAtomically(made / "HEAD", "ref: refs/heads/main\n");
    base::writeFileAtomically(made / "config", configFor(format));
    if (::chmod(aside.c_str(), 0755) != 0) base::throwErrno(errno, "making a repository");
    // renameat2 and not rename: an empty folder in the way must not be replaced.
    if (::syscall(SYS_renameat2, AT_FDCWD, aside.c_str(), AT_FDCWD, folder.c_str(), RENAME_NOREPLACE) != 0) {
      if (errno == EEXIST)
        throw base::Error(base::Errc::alreadyExists, "there is a repository of that name already");
      base::throwErrno(errno, "making a repository");
    }
    base::fsyncFolder(parent);
  } catch (...) {
    base::removeTree(aside);
    throw;
  }
}

}  // namespace git
