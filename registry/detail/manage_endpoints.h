// Manifests on their way in; deletion.
#pragma once

#include "registry/detail/exchange.h"

namespace registry::detail {

/// Puts and deletes what has a name. Thread-safe. (OCI distribution-spec, Pushing Manifests, Content
/// Management.)
class ManageEndpoints {
 public:
  ManageEndpoints(const RegistryParts& parts, const RegistryOptions& options)
      : parts_(parts), options_(options) {}

  /// By tag, or by digest with any number of `tag` parameters.
  Outcome putManifest(const Exchange& exchange);
  /// A tag, or a manifest with all its tags.
  Outcome removeManifest(const Exchange& exchange);
  Outcome removeBlob(const Exchange& exchange);
  /// What nobody but Fairlead writes, and what the disk has no room for.
  Outcome refuseWrite(const Exchange& exchange) const;

 private:
  struct Target;

  Outcome targetOf(const Exchange& exchange, Target& target);
  Outcome refuseTag(const store::RepositoryName& repository, const std::string& tag);
  Outcome refuseLost(const Exchange& exchange, const store::PushedManifest& pushed);
  Outcome putParsed(const Exchange& exchange, const Target& target, const store::PushedManifest& pushed);

  const RegistryParts& parts_;
  const RegistryOptions& options_;
};

}  // namespace registry::detail
