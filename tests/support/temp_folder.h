// A folder of a test's own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace testing_support {

/// Makes an empty folder below the system's temporary folder and removes it with what is in it. One thread at
/// a time.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  /// path() / name.
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  /// Writes path() / name, with the folders above it, and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view bytes) const;
  /// The bytes of path() / name.
  std::string read(std::string_view name) const;

 private:
  std::filesystem::path path_;
};

}  // namespace testing_support
