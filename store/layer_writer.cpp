#include "store/layer_writer.h"

namespace store {

LayerWriter::LayerWriter(BlobStore& blobs, base::GzipOptions options)
    : blob_(blobs.create()), gzip_(*blob_, options) {}

void LayerWriter::write(std::string_view bytes) {
  diffId_.update(bytes);
  sizeBytes_ += bytes.size();
  gzip_.write(bytes);
}

Layer LayerWriter::commit() {
  gzip_.finish();
  const auto blob = blob_->commit();
  return Layer{Descriptor{kGzipLayer, blob.digest, blob.sizeBytes}, diffId_.finish()};
}

}  // namespace store
