// A tar stream that becomes a stored layer.
#pragma once

#include <memory>

#include "base/block_writer.h"
#include "base/byte_sink.h"
#include "base/digest.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace store {

/// Of a layer: gzip, which all read, or zstd, which docker reads from 23 on.
enum class Compression { gzip, zstd };

struct LayerOptions {
  Compression compression = Compression::gzip;
  int level = 0;  ///< of GzipOptions or ZstdOptions; 0: theirs
};

/// Takes an uncompressed tar, compresses it into the blob store and hashes both sides on the way. Without
/// commit() nothing stays. The same bytes give the same layer. `blobs` outlives it. One thread at a time; the
/// compression uses threads of its own. (OCI image-spec, Layer DiffID.)
class LayerWriter : public base::ByteSink {
 public:
  explicit LayerWriter(BlobStore& blobs, LayerOptions options = {});
  LayerWriter(const LayerWriter&) = delete;
  LayerWriter& operator=(const LayerWriter&) = delete;
  void write(std::string_view bytes) override;
  /// Of the uncompressed side, so far.
  std::uint64_t sizeBytes() const noexcept { return sizeBytes_; }
  /// Of the compressed side, so far: all but the last few MiB.
  std::uint64_t compressedBytes() const { return blob_->sizeBytes(); }
  /// Durable when it returns; once. The media type is the compression's.
  Layer commit();

  static constexpr const char* kGzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
  static constexpr const char* kZstdLayer = "application/vnd.oci.image.layer.v1.tar+zstd";
  static const char* mediaType(Compression compression) noexcept {
    return compression == Compression::zstd ? kZstdLayer : kGzipLayer;
  }

 private:
  base::Sha256 diffId_;
  std::uint64_t sizeBytes_ = 0;
  std::unique_ptr<BlobWriter> blob_;
  const Compression compression_;
  std::unique_ptr<base::BlockWriter> packed_;  // after blob_, which it writes to
};

}  // namespace store
