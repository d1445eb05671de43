// Files that must not tear.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/byte_sink.h"
#include "base/fd.h"

namespace base {

/// Writes a file aside (".NAME.XXXXXX.tmp" in the same folder) and renames it into place: commit() syncs the
/// file, renames, syncs the folder. Without commit() the destructor removes it and the old file stays as it
/// was. One thread at a time.
class AtomicFile : public ByteSink {
 public:
  AtomicFile(std::filesystem::path target, unsigned mode = 0644);
  ~AtomicFile() override;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::string_view bytes) override;
  const Fd& fd() const noexcept { return fd_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  Fd fd_;
};

/// AtomicFile with one write.
void writeFileAtomically(const std::filesystem::path& target, std::string_view bytes, unsigned mode = 0644);
void fsyncFolder(const std::filesystem::path& folder);
/// Removes a tree that may hold unwritable folders or foreign owners; missing is fine. Never follows symlinks
/// or leaves the file system.
void removeTree(const std::filesystem::path& path);

}  // namespace base
