// The OCI distribution API.
#pragma once

#include <memory>
#include <string>

#include "base/http.h"
#include "base/metrics.h"
#include "registry/access.h"
#include "store/blob_store.h"
#include "store/registry_store.h"
#include "store/release_store.h"
#include "store/upload_store.h"

namespace registry {

namespace detail {
class RegistryMetrics;
}

/// What the registry serves from; all of it outlives the registry.
struct RegistryParts {
  store::ReleaseStore& releases;
  store::RegistryStore& rows;
  store::DiskBlobStore& blobs;
  store::UploadStore& uploads;
  base::Metrics& metrics;
};

struct RegistryOptions {
  std::size_t manifestMaxBytes = 4u << 20;  ///< manifest_max_bytes
  /// manifest_missing_content: what to do with a manifest that names what its repository does not hold.
  store::MissingContent missingContent = store::MissingContent::accepted;
  std::string publicUrl = {};  ///< public_url: for challenges; see originOf()
  std::uint64_t minFreeBytes = 0;  ///< disk_min_free_bytes: what a push has to leave on the disk
};

/// Serves everything below /v2/: version check, manifests, blobs, uploads, tags, referrers, _catalog; pull,
/// push and delete. Errors in the specification's form, malformed names and digests 400 or 404, never 500.
/// Without credentials that are needed, and for the version check always: 401 with a challenge that leads to
/// TokenApi, and names the scope that would do. In an app's repositories the tags that say what its releases
/// are (isReleaseTag) can be neither pushed nor deleted, nor can anything below stacks/. Thread-safe. (OCI
/// distribution-spec v1.1 and its draft.)
class RegistryApi {
 public:
  RegistryApi(const RegistryParts& parts, Access access, const RegistryOptions& options = {});
  ~RegistryApi();
  /// A handler for a request whose path starts with /v2.
  std::unique_ptr<Poco::Net::HTTPRequestHandler> handler(const base::HttpRequest& request);

 private:
  const RegistryParts parts_;
  const Access access_;
  const RegistryOptions options_;
  const std::unique_ptr<detail::RegistryMetrics> metrics_;
};

/// A peer on this machine that speaks for itself. What a proxy here passes on comes from anywhere; a stranger
/// who forges its headers only loses by it.
bool isFromLoopback(const base::HttpRequest& request);

}  // namespace registry
