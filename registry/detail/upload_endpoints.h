// Blobs on their way in.
#pragma once

#include "registry/detail/exchange.h"

namespace registry::detail {

/// Uploads in one piece, in chunks and as a stream; mounts. What is refused is refused before the first byte
/// of a body is read. A body that breaks off leaves the upload with what came. Thread-safe. (OCI
/// distribution-spec, Pushing blobs, Mounting a blob from another repository.)
class UploadEndpoints {
 public:
  UploadEndpoints(const RegistryParts& parts, const Access& access) : parts_(parts), access_(access) {}

  /// POST to uploads/: a new upload, with `digest` the whole blob, with `mount` one that is here already.
  Outcome begin(const Exchange& exchange);
  Outcome appendChunk(const Exchange& exchange);
  Outcome complete(const Exchange& exchange);
  Outcome sendStatusOf(const Exchange& exchange);
  Outcome cancel(const Exchange& exchange);

 private:
  using Upload = store::UploadStore::Upload;

  bool mount(const Exchange& exchange, const store::Digest& digest);
  bool mayRead(const Exchange& exchange, const store::RepositoryName& repository) const;
  Outcome startAt(const Exchange& exchange, base::DigestAlgorithm algorithm);
  Outcome refuseBody(const Exchange& exchange, const Upload& upload) const;
  Outcome receive(const Exchange& exchange, Upload& upload) const;
  Outcome finish(const Exchange& exchange, Upload& upload, const store::Digest& digest);

  const RegistryParts& parts_;
  const Access& access_;
};

}  // namespace registry::detail
