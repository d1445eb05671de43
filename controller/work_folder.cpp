#include "controller/work_folder.h"

#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"

namespace controller {

WorkFolder::WorkFolder(std::filesystem::path path) : path_(std::move(path)) {
  base::removeTree(path_);
  std::filesystem::create_directories(path_);
  ::chmod(path_.c_str(), 0700);
}

WorkFolder::~WorkFolder() {
  try {
    base::removeTree(path_);
  } catch (const base::Error& error) {
    base::Log("controller").warn("a working folder could not be removed", {{"error", error.what()}});
  }
}

}  // namespace controller
