// Images from elsewhere: another registry, an OCI layout or an archive of one.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "registry/image_reference.h"
#include "registry/registry_credentials.h"
#include "registry/web_options.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace registry {

/// Whether a reference names a file of this machine ("oci:DIR[:TAG]", "oci-archive:FILE[:TAG]"): for the
/// machine's administrator only.
bool isLocalReference(const std::string& reference);

struct ImportInput {
  std::string reference;             ///< as ImageReference reads it, or a local one
  std::filesystem::path workFolder;  ///< an archive is unpacked in a folder below it meanwhile
  WebOptions web = {};
  const RegistryCredentials* credentials = nullptr;  ///< to log in with; may be null
  /// Told of each layer that is about to be copied, and of those that are here already.
  std::function<void(const std::string& line)> progress = [](const std::string&) {};
};

/// Brings an image's layers into `blobs`, bottom first: of an index (or an index in it) the image for this
/// machine's platform; docker's media types become OCI's. Every size and digest is verified; what is here
/// already is not copied, and a download that breaks off goes on where it ended. On top comes a layer with
/// /app, empty and uid 1000's, which many images lack. Blocks for as long as the copy takes. Throws
/// invalidArgument for what is no reference or no image for this machine, and what RegistryClient throws.
/// (OCI image-spec: index, manifest, config, image layout; OCI distribution-spec, Pull.)
std::vector<store::Layer> importImage(const ImportInput& input, store::BlobStore& blobs,
                                      std::stop_token stop);

}  // namespace registry
