// ZstdWriter of base/zstd.h: over libarchive, which is here for reading already and needs no other library.
#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/zstd.h"

namespace base {
namespace {

using Writer = CHandle<archive, &archive_write_free>;
using Entry = CHandle<archive_entry, &archive_entry_free>;

constexpr std::size_t kBlockBytes = 2u << 20;
constexpr int kMaxLevel = 19;
constexpr std::size_t kSlackBytes = 64u << 10;  // for what does not compress

void check(archive* writer, int result) {
  if (result != ARCHIVE_OK)
    throw Error(Errc::internal, std::string("zstd: ") + (archive_error_string(writer) != nullptr
                                                             ? archive_error_string(writer)
                                                             : "a block could not be compressed"));
}

std::string compress(const std::string& level, std::string_view block) {
  const Writer writer(archive_write_new());
  if (!writer) throw Error(Errc::internal, "zstd: no memory for a compressor");
  check(writer.get(), archive_write_set_format_raw(writer.get()));
  check(writer.get(), archive_write_add_filter_zstd(writer.get()));
  check(writer.get(),
        archive_write_set_filter_option(writer.get(), "zstd", "compression-level", level.c_str()));
  check(writer.get(), archive_write_set_bytes_in_last_block(writer.get(), 1));  // no padding
  std::string packed(block.size() + block.size() / 64 + kSlackBytes, '\0');
  std::size_t used = 0;
  check(writer.get(), archive_write_open_memory(writer.get(), packed.data(), packed.size(), &used));
  const Entry entry(archive_entry_new());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  check(writer.get(), archive_write_header(writer.get(), entry.get()));
  if (archive_write_data(writer.get(), block.data(), block.size()) != static_cast<la_ssize_t>(block.size()))
    check(writer.get(), ARCHIVE_FATAL);
  check(writer.get(), archive_write_close(writer.get()));
  packed.resize(used);
  return packed;
}

BlockWriter::Compress makeCompress(int level) {
  return [text = std::to_string(level)](std::string_view block) { return compress(text, block); };
}

int checkedLevel(int level) {
  if (level < 1 || level > kMaxLevel) throw Error(Errc::invalidArgument, "zstd: the level must be 1 to 19");
  return level;
}

}  // namespace

ZstdWriter::ZstdWriter(ByteSink& out, ZstdOptions options)
    : BlockWriter(out, [level = checkedLevel(options.level)] { return makeCompress(level); },
                  {.blockBytes = kBlockBytes, .threads = options.threads, .threadName = "zstd"}) {}

}  // namespace base
