// A manifest as a client sent it, read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "store/registry_store.h"

namespace registry::detail {

/// Takes a manifest apart: OCI image manifest and index, Docker's schema 2 manifest and list; fields that it
/// does not know are kept in the bytes. `contentType` is the header's, with or without parameters, or empty:
/// then the manifest's own mediaType decides, or its shape. The result's digest is that of the bytes by
/// `algorithm`. Throws invalidArgument with a sentence: no JSON object, another media type than the header
/// says, a form that this registry does not know, what is an image and an index at once, a descriptor that is
/// none, a `data` field that is not the descriptor's content. Layers that stay elsewhere (non-distributable
/// ones, and Docker's foreign ones, with urls) are not among the blobs. (OCI image-spec v1.1: manifest,
/// image-index, descriptor.)
store::PushedManifest parseManifest(std::string_view bytes, std::string_view contentType,
                                    base::DigestAlgorithm algorithm);

}  // namespace registry::detail
