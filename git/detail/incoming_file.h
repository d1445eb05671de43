// The file that a received pack is written to and its deltas are resolved from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "git/object_id.h"

namespace git::detail {

/// A file without its final name: removed by the destructor unless publish() ran. Several threads may
/// readAt(). Throws io, and unavailable where the disk is full.
class IncomingFile {
 public:
  explicit IncomingFile(std::filesystem::path folder);
  ~IncomingFile();
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;

  std::uint64_t size() const noexcept { return size_; }
  void append(std::string_view bytes);
  /// Fills `out`; throws corrupt when the file is shorter.
  void readAt(std::uint64_t offset, char* out, std::size_t count) const;
  void writeAt(std::uint64_t offset, std::string_view bytes);
  /// Cuts the file off.
  void shorten(std::uint64_t size);
  /// Syncs the file and gives it a name in its folder, read-only; the caller syncs the folder.
  std::filesystem::path publish(const std::string& name);

 private:
  std::filesystem::path folder_;
  std::filesystem::path path_;  // empty once published
  base::Fd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t started_ = 0;  // bytes that the kernel was asked to write out
};

/// The hash over the file's first `size` bytes.
ObjectId hashFile(const IncomingFile& file, std::uint64_t size, ObjectFormat format);

}  // namespace git::detail
