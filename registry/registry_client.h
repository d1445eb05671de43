// A client of one repository in a registry elsewhere.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "registry/image_reference.h"
#include "registry/registry_credentials.h"
#include "registry/web_options.h"
#include "store/model.h"

namespace registry {

struct ClientOptions {
  enum class Rights { pull, push };
  std::string host;
  store::RepositoryName repository;
  Rights rights = Rights::pull;
  std::optional<RegistryCredential> credential = std::nullopt;
  WebOptions web = {};
};

/// A manifest as the registry has it.
struct RemoteManifest {
  std::string mediaType;
  std::string bytes;
  store::Digest digest;  ///< of the bytes
};

/// One thread at a time. Logs in as the registry's challenge says: a token by the credential or without one,
/// fetched anew before it expires and when it is refused, or Basic. Throws unavailable, overloaded and
/// timedOut for what may be better later; unauthenticated and permissionDenied with what to type; notFound;
/// invalidArgument for other refusals, with the registry's own words; corrupt for content that is not what
/// its digest says; cancelled. (OCI distribution-spec, Pull and Push; Docker's token authentication.)
class RegistryClient {
 public:
  RegistryClient(const ClientOptions& options, std::stop_token stop);
  ~RegistryClient();
  RegistryClient(const RegistryClient&) = delete;
  RegistryClient& operator=(const RegistryClient&) = delete;

  /// By tag or digest; at most 4 MiB.
  RemoteManifest manifest(const std::string& reference);
  /// All of a blob into `out`; a connection that breaks off is taken up where it ended (Range), five times.
  /// Throws corrupt when it is not what the digest says: then `out` has to be thrown away.
  void readBlob(const store::Descriptor& blob, base::ByteSink& out);

  /// Opens the content from its start; called again for each attempt.
  using Content = std::function<std::unique_ptr<base::ByteSource>()>;
  enum class Pushed { present, mounted, sent };
  /// Makes sure that the repository has the blob: it has it, or it is mounted from `from`, or it is sent in
  /// one PUT, or, where that is refused, in PATCHes of 32 MiB.
  Pushed pushBlob(const store::Descriptor& blob, const Content& content,
                  const std::optional<store::RepositoryName>& from);
  /// `reference` is a tag or the digest.
  void pushManifest(const std::string& reference, const store::Manifest& manifest);
  /// What the last refusal asked for (Retry-After); zero: nothing.
  std::chrono::seconds retryAfter() const;

 private:
  class Exchange;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace registry
