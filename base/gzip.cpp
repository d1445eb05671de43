#include "base/gzip.h"

#include <libdeflate.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace base {
namespace {

constexpr std::size_t kBlockBytes = 1u << 20;
constexpr int kMaxLevel = 12;

BlockWriter::Compress makeCompress(int level) {
  // Shared by the copies of the function that holds it.
  const std::shared_ptr<libdeflate_compressor> compressor(libdeflate_alloc_compressor(level),
                                                          &libdeflate_free_compressor);
  if (!compressor) throw Error(Errc::internal, "gzip: no memory for a compressor");
  return [compressor](std::string_view block) {
    std::string packed(libdeflate_gzip_compress_bound(compressor.get(), block.size()), '\0');
    const std::size_t size =
        libdeflate_gzip_compress(compressor.get(), block.data(), block.size(), packed.data(), packed.size());
    if (size == 0) throw Error(Errc::internal, "gzip: a block does not fit its own bound");
    packed.resize(size);
    return packed;
  };
}

int checkedLevel(int level) {
  if (level < 1 || level > kMaxLevel) throw Error(Errc::invalidArgument, "gzip: the level must be 1 to 12");
  return level;
}

}  // namespace

GzipWriter::GzipWriter(ByteSink& out, GzipOptions options)
    : BlockWriter(out, [level = checkedLevel(options.level)] { return makeCompress(level); },
                  {.blockBytes = kBlockBytes, .threads = options.threads, .threadName = "gzip"}) {}

}  // namespace base
