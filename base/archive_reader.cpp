#include "base/detail/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>

#include "base/archive.h"
#include "base/c_callback.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace detail {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;

std::string reason(archive* raw) {
  const char* text = archive_error_string(raw);
  return text == nullptr ? "unknown format" : printable(text);
}

}  // namespace

void ArchiveReader::Free::operator()(archive* raw) const noexcept {
  archive_read_free(raw);
}

ArchiveReader::ArchiveReader(ByteSource& in, Format format)
    : in_(in),
      buffer_(kBufferBytes),
      ownLocale_(::newlocale(LC_ALL_MASK, "C", nullptr)),
      before_(::uselocale(ownLocale_)) {
  archive_.reset(archive_read_new());
  archive* raw = archive_.get();
  // A filter that is not built in would run an outside program, and says ARCHIVE_WARN.
  const bool complete = raw != nullptr && archive_read_support_filter_gzip(raw) == ARCHIVE_OK &&
                        archive_read_support_filter_zstd(raw) == ARCHIVE_OK &&
                        archive_read_support_filter_xz(raw) == ARCHIVE_OK;
  try {
    if (!complete) throw Error(Errc::internal, "libarchive lacks gzip, zstd or xz");
    if (format != Format::raw) {
      check(archive_read_support_format_tar(raw));
      if (format == Format::tarToItsEnd)
        check(archive_read_set_format_option(raw, "tar", "read_concatenated_archives", "1"));
    } else {
      check(archive_read_support_format_raw(raw));
      check(archive_read_support_format_empty(raw));
    }
    check(archive_read_open(raw, this, nullptr, &ArchiveReader::readCallback, nullptr));
  } catch (...) {
    archive_.reset();
    ::uselocale(before_);
    ::freelocale(ownLocale_);
    throw;
  }
}

ArchiveReader::~ArchiveReader() {
  archive_.reset();
  ::uselocale(before_);
  ::freelocale(ownLocale_);
}

long ArchiveReader::readCallback(archive* raw, void* self, const void** buffer) {
  auto& reader = *static_cast<ArchiveReader*>(self);
  const auto readMore = [&] {
    *buffer = reader.buffer_.data();
    const std::size_t count = reader.in_.read(reader.buffer_.data(), reader.buffer_.size());
    reader.bytesIn_ += count;
    return static_cast<long>(count);
  };
  const long count = shielded(reader.parked_, -1L, readMore);
  if (count < 0) archive_set_error(raw, EIO, "the source failed");
  return count;
}

void ArchiveReader::check(int result) {
  rethrowParked(parked_);
  // ARCHIVE_WARN is about names and attributes that cannot be converted; we take them as bytes. A retry is
  // never useful on a stream.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
    throw Error(Errc::corrupt, "the archive is damaged: " + reason(archive_.get()));
  }
}

archive_entry* ArchiveReader::next() {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(archive_.get(), &entry);
  if (result == ARCHIVE_EOF) {
    rethrowParked(parked_);
    return nullptr;
  }
  check(result);
  return entry;
}

bool ArchiveReader::isCompressed() const {
  return archive_filter_code(archive_.get(), 0) != ARCHIVE_FILTER_NONE;
}

bool ArchiveReader::endsWithItsInput() {
  constexpr int kOutermost = -1;
  return archive_filter_bytes(archive_.get(), kOutermost) == static_cast<la_int64_t>(bytesIn_) &&
         in_.read(buffer_.data(), 1) == 0;
}

bool ArchiveReader::read(Piece& piece) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  const int result = archive_read_data_block(archive_.get(), &bytes, &size, &offset);
  if (result == ARCHIVE_EOF) {
    rethrowParked(parked_);
    return false;
  }
  check(result);
  piece = {std::string_view(static_cast<const char*>(bytes), size), offset};
  return true;
}

}  // namespace detail

void decompress(ByteSource& in, ByteSink& out) {
  detail::ArchiveReader reader(in, detail::ArchiveReader::Format::raw);
  if (reader.next() == nullptr) return;
  detail::ArchiveReader::Piece piece;
  while (reader.read(piece))
    out.write(piece.bytes);
}

}  // namespace base
