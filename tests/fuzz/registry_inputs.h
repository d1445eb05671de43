// What the fuzzers of registry/ and the replay of their corpus do with one input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/authorization.h"
#include "registry/detail/auth_challenge.h"
#include "registry/detail/content_range.h"
#include "registry/detail/manifest_json.h"
#include "registry/detail/registry_request.h"
#include "registry/detail/token_request.h"
#include "registry/image_reference.h"
#include "registry/scope.h"

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

/// A scope list, an Authorization header and a form for the token endpoint, a line each.
inline void tokenRequest(std::string_view input) {
  const auto first = input.find('\n');
  const std::string_view scopes = input.substr(0, first);
  const std::string_view rest =
      first == std::string_view::npos ? std::string_view() : input.substr(first + 1);
  const auto second = rest.find('\n');
  const std::string_view header = rest.substr(0, second);
  const std::string_view form =
      second == std::string_view::npos ? std::string_view() : rest.substr(second + 1);
  try {
    const auto parsed = registry::parseScopes(scopes);
    const std::string text = registry::textOf(parsed);
    CHECK(registry::parseScopes(text) == parsed && registry::textOf(registry::parseScopes(text)) == text);
    CHECK(text.find('"') == std::string::npos && text.find('\n') == std::string::npos);
  } catch (const base::Error& error) {
    if (error.code() != base::Errc::invalidArgument) throw;
  }
  using Scheme = registry::Authorization::Scheme;
  const auto given = registry::parseAuthorization(header);
  CHECK((given.scheme != Scheme::none && given.scheme != Scheme::unknown) || given.secret.empty());
  for (auto* parse : {&registry::detail::parseTokenForm, &registry::detail::parseTokenQuery}) {
    try {
      const auto question = (*parse)(form, header);
      CHECK(!question.refreshToken || !question.secret);
    } catch (const base::Error& error) {
      if (error.code() != base::Errc::invalidArgument && error.code() != base::Errc::unauthenticated) throw;
    }
  }
}

}  // namespace fuzz
