#include "server/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>

#include "base/error.h"
#include "controller/restore.h"

namespace server {

base::Fd lockDataFolder(const controller::DataFolder& folder) {
  if (std::filesystem::exists(folder.root() / controller::kRestoring))
    throw base::Error(base::Errc::conflict, "a restore into " + folder.root().string() +
                                                " did not end: empty the folder, and restore again");
  std::filesystem::create_directories(folder.run());
  base::Fd lock = base::openFile(folder.lockFile(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    throw base::Error(base::Errc::conflict, "another fairlead serves " + folder.root().string() +
                                                " already: stop it first, or use another --data");
  return lock;
}

}  // namespace server
