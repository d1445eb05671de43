// A build as the Platform API shows it.
#pragma once

#include <string>

#include "base/json.h"
#include "controller/public_urls.h"
#include "controller/url_signer.h"
#include "store/release_store.h"

namespace controller {

/// Adds to renderBuild() what is found elsewhere: slug, release, the signed URL of the output. Thread-safe;
/// its parts outlive it.
class BuildView {
 public:
  BuildView(store::ReleaseStore& store, const UrlSigner& signer, const PublicUrls& urls)
      : store_(store), signer_(signer), urls_(urls) {}

  /// `origin` begins the URLs, "http://HOST:PORT"; empty: the server's own.
  base::JsonObject::Ptr json(const store::App& app, const store::Build& build,
                             const std::string& origin = "") const;
  /// Of a build's output, without a signature.
  static std::string outputPath(const store::App& app, const store::Build& build);

 private:
  store::ReleaseStore& store_;
  const UrlSigner& signer_;
  const PublicUrls& urls_;
};

}  // namespace controller
