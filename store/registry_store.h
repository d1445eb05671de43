// What clients push to the registry: blobs that repositories hold, manifests, tags, referrers, uploads under
// way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/model.h"
#include "store/release_store.h"

namespace store {

/// A manifest as a client sent it, taken apart.
struct PushedManifest {
  Manifest manifest;             ///< its blobs: config and layers, without those that stay elsewhere
  std::vector<Digest> children;  ///< an index's manifests
  std::optional<Digest> subject;
  std::string artifactType;  ///< as referrers are listed; empty for none
  std::string annotations;   ///< a JSON object, or empty
};

/// What to do with a manifest that names what its repository does not hold.
enum class MissingContent { accepted, refused };

struct PutResult {
  bool stored = false;
  std::vector<Digest> missing;    ///< named by the manifest, but the repository does not hold it
  std::vector<Digest> otherSize;  ///< held, but of another size than the manifest says
};

enum class Removal { removed, unknown, inUse };

struct Referrer {
  Descriptor manifest;
  std::string artifactType;  ///< empty for none
  std::string annotations;   ///< a JSON object, or empty
};

struct ReferrersPage {
  std::vector<Referrer> items;
  bool more = false;  ///< after the last of them
};

/// The durable part of an upload.
struct UploadRow {
  std::string uuid;
  RepositoryName repository;
  std::string user = {};  ///< who began it; empty: nobody that is known
  base::DigestAlgorithm algorithm = base::DigestAlgorithm::sha256;
  std::uint64_t sizeBytes = 0;
  Time createdAt;
  Time touchedAt;
};

/// The registry's write side, in the same database as the releases, whose images are the same rows.
/// Thread-safe as ReleaseStore is, which outlives it. Every mutating call happens as a whole and is durable
/// when it returns; calls of several threads wait for the disk together. It costs the same however many tags
/// and manifests a repository has. (OCI distribution-spec, Push, Content Management.)
class RegistryStore {
 public:
  explicit RegistryStore(ReleaseStore& store) : store_(store) {}

  /// The repository, made when it is new, holds the blob from now on; the upload that it came by ends.
  void addBlob(const RepositoryName& repository, const Descriptor& blob, const std::string& uploadUuid = "");
  /// False when `from` does not hold the blob.
  bool mountBlob(const RepositoryName& repository, const RepositoryName& from, const Digest& digest);
  /// Repositories that hold the blob, by age; at most `limit`.
  std::vector<RepositoryName> holders(const Digest& digest, std::size_t limit);
  /// inUse while a manifest of the repository names it.
  Removal removeBlob(const RepositoryName& repository, const Digest& digest);

  /// Nothing changes unless the result says stored. The repository is made when it is new.
  PutResult putManifest(const RepositoryName& repository, const PushedManifest& pushed,
                        const std::vector<std::string>& tags, MissingContent rule);
  /// With its tags. inUse when it is the image of a release or a stack.
  Removal removeManifest(const RepositoryName& repository, const Digest& digest);
  Removal removeTag(const RepositoryName& repository, const std::string& tag);

  struct ReferrersQuery {
    const Digest& subject;
    std::string artifactType;  ///< empty: all
    std::string last;
  };
  /// Manifests of the repository with that subject, by digest, after `last`: one page, at most 1000 and of
  /// them what fits into 4 MiB.
  ReferrersPage referrers(const RepositoryName& repository, const ReferrersQuery& query);

  /// Adds or replaces it.
  void putUpload(const UploadRow& upload);
  void removeUpload(const std::string& uuid);
  std::vector<UploadRow> uploads();

 private:
  ReleaseStore& store_;
};

}  // namespace store
