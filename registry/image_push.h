// An image of this server's, pushed to a registry elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "registry/registry_client.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace registry {

struct ImagePush {
  ImageReference target;  ///< without tag and digest
  const store::Manifest& image;
  std::vector<std::string> tags;  ///< at least one
  std::optional<RegistryCredential> credential = std::nullopt;
  WebOptions web = {};
};

struct PushProgress {
  std::size_t blobsDone = 0;
  std::size_t blobs = 0;
  std::uint64_t bytesSent = 0;  ///< of blobs that were not there
};

struct PushHooks {
  /// A repository of the same registry that has the blob, as far as is known.
  std::function<std::optional<store::RepositoryName>(const store::Digest&)> mountFrom;
  std::function<void(const PushProgress&)> progress;
};

/// Blobs first (present, mounted, or sent), each tried three times when the registry or the way to it fails;
/// then the manifest, by its tags. Called again after a failure it sends only what is still missing. Blocks.
/// Throws as RegistryClient does; an Error for which a later try may do better isWorthRetrying().
/// (OCI distribution-spec, Push.)
PushProgress pushImage(const ImagePush& push, store::BlobStore& blobs, const PushHooks& hooks,
                       std::stop_token stop);

/// Whether the same request may succeed later without anybody doing anything.
bool isWorthRetrying(const base::Error& error) noexcept;

}  // namespace registry
