// Images from elsewhere: another registry, an OCI layout or an archive of one.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "store/blob_store.h"
#include "store/model.h"

namespace registry {

/// Whether a reference names a file of this machine ("oci:DIR[:TAG]", "oci-archive:FILE[:TAG]"): for the
/// machine's administrator only.
bool isLocalReference(const std::string& reference);

struct ImportInput {
  std::string reference;             ///< [docker://]HOST/NAME:TAG or @DIGEST, or a local one
  std::filesystem::path workFolder;  ///< a copy of the image lies in a folder below it meanwhile
};

/// Brings an image's layers into `blobs`, bottom first, with skopeo: of an index the image for this machine's
/// platform, docker's media types turned into OCI's, https but for loopback addresses. On top comes a layer
/// with /app, empty and uid 1000's, which many images lack. Blocks for as long as the copy takes. Throws
/// invalidArgument for what is no reference or no image for this machine, unavailable with skopeo's last
/// words, cancelled.
std::vector<store::Layer> importImage(const ImportInput& input, store::BlobStore& blobs,
                                      std::stop_token stop);

/// The layers of the one image in an OCI layout; every size and digest is verified. Throws invalidArgument.
/// (OCI image-spec: image layout, manifest, config.)
std::vector<store::Layer> readOciLayout(const std::filesystem::path& folder, store::BlobStore& blobs);

}  // namespace registry
