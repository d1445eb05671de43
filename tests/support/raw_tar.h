// Tar archives that no honest tool would write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace testing_support {

/// One entry's header fields as they go into the archive. Types: '0' file, '1' hard link, '2' symlink, '3'
/// character device, '5' folder, '6' fifo.
struct RawEntry {
  std::string name;
  char type = '0';
  std::string content;
  std::string link;
  unsigned mode = 0644;
  unsigned uid = 0;
  unsigned gid = 0;
};

/// Writes ustar headers without looking at what is in them. Value.
class RawTar {
 public:
  RawTar& add(const RawEntry& entry);
  /// A pax record ("path", "SCHILY.xattr.user.x") for the next entry.
  RawTar& pax(std::string_view key, std::string_view value);
  /// The archive with its end blocks.
  std::string bytes() const;
  /// Without them, for an archive that is cut off.
  const std::string& unfinished() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace testing_support
