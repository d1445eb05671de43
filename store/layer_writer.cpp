#include "store/layer_writer.h"

#include "base/gzip.h"
#include "base/zstd.h"

namespace store {
namespace {

std::unique_ptr<base::BlockWriter> makeWriter(base::ByteSink& out, LayerOptions options) {
  if (options.compression == Compression::zstd) {
    base::ZstdOptions zstd;
    if (options.level != 0) zstd.level = options.level;
    return std::make_unique<base::ZstdWriter>(out, zstd);
  }
  base::GzipOptions gzip;
  if (options.level != 0) gzip.level = options.level;
  return std::make_unique<base::GzipWriter>(out, gzip);
}

}  // namespace

LayerWriter::LayerWriter(BlobStore& blobs, LayerOptions options)
    : blob_(blobs.create()), compression_(options.compression), packed_(makeWriter(*blob_, options)) {}

void LayerWriter::write(std::string_view bytes) {
  diffId_.update(bytes);
  sizeBytes_ += bytes.size();
  packed_->write(bytes);
}

Layer LayerWriter::commit() {
  packed_->finish();
  const auto blob = blob_->commit();
  return Layer{Descriptor{mediaType(compression_), blob.digest, blob.sizeBytes}, diffId_.finish()};
}

}  // namespace store
