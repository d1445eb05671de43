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
  const store::Layer& startLayer;            ///< from storeStartLayer()
};

/// This machine's, as OCI image-spec's platform names it (Go's GOARCH).
std::string architecture();

/// Stores the small layer with the entrypoint /fairlead/start (a bash script) and /fairlead/types/TYPE (one
/// file per process type: its command, verbatim). Same types, same bytes. `start TYPE` runs a process type as
/// Heroku does: cwd /app, sources /app/.profile.d/*.sh sorted by name and then /app/.profile (no `set -e`
/// around them), then execs `bash -c COMMAND`; `start CMD ARG...` whose first word is no type execs that
/// command, quoting kept, in the same environment; `start` alone is `start web`. The local engine and `docker
/// run IMAGE web` start a process the same way, from the same layer.
store::Layer storeStartLayer(store::BlobStore& blobs, const store::ProcessTypes& types);

/// Writes the image's config into `blobs` and returns the manifest; the caller commits it with the release's
/// row. Layers: run image, slug, start. Media types are OCI's, layers are as they were packed (gzip, since docker 20.10 reads no zstd).
/// Annotations and labels: org.opencontainers.image.revision, .created, .version, .base.digest, .base.name;
/// fairlead.build, .pusher, .stack.build (digest of the build image), .buildpacks (JSON: name, description,
/// url, version, report of each) and .build.phases (JSON: milliseconds by name).
/// User "1000:1000", working dir /app, Entrypoint ["/fairlead/start"], Cmd ["web"] (the only type when there
/// is no web), Env = PATH, HOME=/app, then environment. Deterministic. (OCI image-spec: config, manifest.)
store::Manifest assembleReleaseImage(store::BlobStore& blobs, const ReleaseImageInput& input);

/// Config + manifest of a stack's image made of `layers`, stored and ready for ReleaseStore::putManifest.
store::Manifest assembleStackImage(store::BlobStore& blobs, const std::vector<store::Layer>& layers,
                                   store::Time createdAt);

}  // namespace registry
