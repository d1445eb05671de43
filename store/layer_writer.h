// A tar stream that becomes a stored layer.
#pragma once

#include <memory>

#include "base/byte_sink.h"
#include "base/digest.h"
#include "base/gzip.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace store {

/// Takes an uncompressed tar, compresses it into the blob store and hashes both sides on the way. Without
/// commit() nothing stays. The same bytes give the same layer. `blobs` outlives it. One thread at a time; the
/// compression uses threads of its own. (OCI image-spec, Layer DiffID.)
class LayerWriter : public base::ByteSink {
 public:
  explicit LayerWriter(BlobStore& blobs, base::GzipOptions options = {});
  LayerWriter(const LayerWriter&) = delete;
  LayerWriter& operator=(const LayerWriter&) = delete;
  void write(std::string_view bytes) override;
  /// Of the uncompressed side, so far.
  std::uint64_t sizeBytes() const noexcept { return sizeBytes_; }
  /// Of the compressed side, so far: all but the last few MiB.
  std::uint64_t compressedBytes() const { return blob_->sizeBytes(); }
  /// Durable when it returns; once. The media type is kGzipLayer.
  Layer commit();

  static constexpr const char* kGzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

 private:
  base::Sha256 diffId_;
  std::uint64_t sizeBytes_ = 0;
  std::unique_ptr<BlobWriter> blob_;
  base::GzipWriter gzip_;  // after blob_, which it writes to
};

}  // namespace store
