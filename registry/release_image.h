// A release as an OCI image: run image layers + slug layers + a config that starts a process type by name.
#pragma once

#include <optional>
#include <string>

#include "store/blob_store.h"
#include "store/model.h"

namespace registry {

struct ReleaseImageInput {
  std::string stackName;
  const store::StackImage& runImage;
  const store::Slug& slug;
  std::string appName;
  store::ReleaseVersion version;
  store::ConfigVars environment;  ///< config vars merged over the buildpack's defaults
  std::string commit;
  store::Time createdAt;
  const std::optional<store::Build>& build;  ///< that made the slug, when it is known
  const store::Layer& startLayer;            ///< from StartLayers
};

/// This machine's, as OCI image-spec's platform names it (Go's GOARCH).
std::string architecture();

/// Writes the image's config into `blobs` and returns the manifest; the caller commits it with the release's
/// row. Layers: run image, slug, start. Media types are OCI's, layers are as they were packed (gzip, since
/// docker 20.10 reads no zstd). Annotations and labels: org.opencontainers.image.revision, .created,
/// .version, .base.digest, .base.name; fairlead.build, .pusher, .stack.build (digest of the build image),
/// .buildpacks (JSON: name, description, url, version, report of each) and .build.phases (JSON: milliseconds
/// by name). User "1000:1000", working dir /app, Entrypoint ["/fairlead/start"], Cmd ["web"] (the only type
/// when there is no web), Env = PATH, HOME=/app, then environment. Deterministic. (OCI image-spec: config,
/// manifest.)
store::Manifest assembleReleaseImage(store::BlobStore& blobs, const ReleaseImageInput& input);

/// Config + manifest of a stack's image made of `layers`, stored and ready for ReleaseStore::putManifest.
store::Manifest assembleStackImage(store::BlobStore& blobs, const std::vector<store::Layer>& layers,
                                   store::Time createdAt);

}  // namespace registry
