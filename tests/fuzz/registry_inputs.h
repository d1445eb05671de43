// What the fuzzers of registry/ and the replay of their corpus do with one input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/detail/auth_challenge.h"
#include "registry/detail/content_range.h"
#include "registry/detail/manifest_json.h"
#include "registry/detail/registry_request.h"
#include "registry/image_reference.h"

namespace fuzz {

/// A pushed manifest; the first byte chooses the Content-Type.
inline void manifestJson(std::string_view input) {
  const std::string_view types[] = {"", "application/vnd.oci.image.manifest.v1+json",
                                    "application/vnd.oci.image.index.v1+json",
                                    "application/vnd.docker.distribution.manifest.v2+json; a=b"};
  if (input.empty()) return;
  const std::string_view type = types[static_cast<unsigned char>(input.front()) % std::size(types)];
  const std::string_view bytes = input.substr(1);
  try {
    const auto pushed = registry::detail::parseManifest(bytes, type, base::DigestAlgorithm::sha256);
    CHECK(pushed.manifest.bytes == bytes);
    CHECK(!pushed.manifest.mediaType.empty());
    CHECK(pushed.children.empty() || pushed.manifest.blobs.empty());
  } catch (const base::Error& error) {
    if (error.code() != base::Errc::invalidArgument) throw;
  }
}

inline void contentRange(std::string_view input) {
  const auto range = registry::detail::parseContentRange(input);
  if (!range) return;
  CHECK(range->last >= range->first && range->length() != 0);
  const std::string text = std::to_string(range->first) + "-" + std::to_string(range->last);
  CHECK(registry::detail::parseContentRange(text)->last == range->last);
}

/// A request's path and query, and the names in it.
inline void registryUri(std::string_view input) {
  const auto request = registry::detail::parseRegistryRequest(input);
  if (!request) return;
  if (const auto name = store::RepositoryName::tryParse(request->repository)) {
    CHECK(name->str() == request->repository && name->str().size() <= 255);
    CHECK(name->str().find("..") == std::string::npos && name->str().front() != '/');
  }
  if (const auto digest = store::Digest::tryParse(request->reference)) {
    CHECK(digest->str() == request->reference && !store::isTag(request->reference));
    CHECK(digest->hex().find('/') == std::string::npos);
  }
}

/// A WWW-Authenticate header of a registry elsewhere.
inline void authChallenge(std::string_view input) {
  const auto challenges = registry::detail::parseAuthChallenges(input);
  CHECK(challenges.size() <= 16);
  for (const auto& each : challenges) {
    CHECK(!each.scheme.empty());
    CHECK(!each.parameters.contains(""));
  }
}

/// The name of an image elsewhere.
inline void imageReference(std::string_view input) {
  try {
    const auto reference = registry::ImageReference::parse(input);
    CHECK(registry::isRegistryHost(reference.host));
    CHECK(registry::ImageReference::parse(reference.name()).name() == reference.name());
  } catch (const base::Error& error) {
    if (error.code() != base::Errc::invalidArgument) throw;
  }
}

}  // namespace fuzz
