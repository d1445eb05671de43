// A disk that a test can fill.
#pragma once

#include <cstdint>
#include <filesystem>

namespace testing_support {

/// Mounts a file system in memory on a folder, which is made, for this thread, those that it starts from then
/// on, and their children: nobody else sees it, and it is gone with them. One thread at a time.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, std::uint64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// False where mounting is not permitted: the test is to be skipped.
  bool mounted() const noexcept { return mounted_; }
  std::uint64_t freeBytes() const;
  /// Fills it but for this many bytes, in whole pages.
  void fill(std::uint64_t leave) const;
  /// Removes what fill() has written.
  void empty() const;

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

}  // namespace testing_support
