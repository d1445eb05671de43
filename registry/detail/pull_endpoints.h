// Manifests, blobs, tags, referrers and the catalog, for reading.
#pragma once

#include "registry/detail/exchange.h"

namespace registry::detail {

/// GET and HEAD. Thread-safe. (OCI distribution-spec, Pull and Content Discovery.)
class PullEndpoints {
 public:
  explicit PullEndpoints(const RegistryParts& parts) : parts_(parts) {}

  Outcome sendCatalog(base::HttpRequest& request, base::HttpResponse& response, const RegistryRequest& asked);
  Outcome sendTags(const Exchange& exchange);
  Outcome sendManifest(const Exchange& exchange);
  Outcome sendBlob(const Exchange& exchange);
  /// Also of a repository that is not there: an answer of 404 would say that there is no such API.
  Outcome sendReferrers(const Exchange& exchange);

 private:
  /// What is missing: the thing, or the whole repository.
  Refusal unknown(const Exchange& exchange, const Refusal& thing);

  const RegistryParts& parts_;
};

}  // namespace registry::detail
