// libarchive's reading side over a ByteSource.
#pragma once

#include <locale.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.h"

struct archive;
struct archive_entry;

namespace base::detail {

/// Reads the entries of a compressed stream in order. Not movable: libarchive keeps its address. One thread
/// at a time; that thread's locale is "C" while the object lives, since libarchive converts names by it.
/// Throws corrupt for damaged input, or what the source throws.
class ArchiveReader {
 public:
  enum class Format {
    tar,          ///< up to the end of the archive
    tarToItsEnd,  ///< up to the end of the decompressed bytes, as archives one behind the other
    raw           ///< one nameless entry, the decompressed bytes
  };
  ArchiveReader(ByteSource& in, Format format);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next entry, owned by the reader; nullptr at the end.
  archive_entry* next();

  bool isCompressed() const;
  /// After the last entry, of a compressed stream: whether nothing stands behind what was decompressed.
  bool endsWithItsInput();

  /// A piece of the entry's content. Pieces come in ascending order; holes of sparse files are left out.
  struct Piece {
    std::string_view bytes;
    std::int64_t offset = 0;
  };
  /// False at the end of the content.
  bool read(Piece& piece);

 private:
  struct Free {
    void operator()(archive* raw) const noexcept;
  };
  static long readCallback(archive* raw, void* self, const void** buffer);
  void check(int result);

  ByteSource& in_;
  std::uint64_t bytesIn_ = 0;
  std::vector<char> buffer_;
  std::exception_ptr parked_;
  locale_t ownLocale_;
  locale_t before_;
  std::unique_ptr<archive, Free> archive_;
};

}  // namespace base::detail
