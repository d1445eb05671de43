// A folder for one piece of work, gone at its end whatever happens.
#pragma once

#include <filesystem>

namespace controller {

/// Made empty, mode 0700, in the place of what an earlier one of that name left; removed with all that is in
/// it when it goes. Throws io. One thread at a time.
class WorkFolder {
 public:
  explicit WorkFolder(std::filesystem::path path);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace controller
