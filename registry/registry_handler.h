// The OCI distribution API, pull side.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/http.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace registry {

/// Who may read. Given the request's Authorization header (or "") and whether the peer is on the loopback
/// interface; returns true to serve.
using PullAccess = std::function<bool(const std::string& authorization, bool fromLoopback)>;

/// Serves GET and HEAD below /v2/: version check, manifests by tag and digest, blobs (Range, ETag), tags/list
/// (n, last, Link), _catalog. Writes are answered 405 UNSUPPORTED. Without access: 401 with
/// `WWW-Authenticate: Basic realm="fairlead"`. Errors in the specification's form, malformed names and
/// digests 400 or 404, never 500. Thread-safe. (OCI distribution-spec v1.1, Pull and Content Discovery.)
class RegistryApi {
 public:
  RegistryApi(store::ReleaseStore& releases, store::DiskBlobStore& blobs, PullAccess access);
  /// A handler for a request whose path starts with /v2.
  std::unique_ptr<Poco::Net::HTTPRequestHandler> handler(const base::HttpRequest& request);

 private:
  store::ReleaseStore& releases_;
  store::DiskBlobStore& blobs_;
  PullAccess access_;
};

/// A peer on this machine that speaks for itself. What a proxy here passes on comes from anywhere; a stranger
/// who forges its headers only loses by it.
bool isFromLoopback(const base::HttpRequest& request);

}  // namespace registry
