// Apps, keys, config, builds, slugs, releases, formations, stacks, manifests and tags in one SQLite database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/layer_index.h"
#include "store/model.h"

namespace store {

struct NewApp {
  AppName name;
  std::string stack;
  std::string owner;
};

struct NewBuild {
  AppId app = 0;
  std::string commit;
  std::string ref;
  std::string user;
  std::optional<TarballSource> tarball = std::nullopt;
};

struct NewSlug {
  AppId app = 0;
  std::string commit;
  std::string stack;
  std::string buildpack;
  std::vector<Layer> layers;
  ProcessTypes processTypes;
  ConfigVars defaultConfig;
  std::string commitDescription = {};
  std::string checks = {};  ///< see Slug
  std::string cron = {};    ///< see Slug
};

/// Everything that appears with one release, in one transaction.
struct NewRelease {
  AppId app = 0;
  ReleaseVersion
      version;  ///< must be the next one (nextVersion): else conflict, and the caller assembles anew
  std::optional<std::int64_t> slug;
  ConfigVars config;
  ConfigScopes configScopes = {};
  std::string stack;
  std::optional<Digest> runImage = std::nullopt;
  std::string description;
  std::string user;
  ReleaseState state = ReleaseState::pending;
  std::optional<Manifest> image;               ///< put into the app's repository
  std::vector<std::string> tags;               ///< of the image: "v3", "latest", "git-1a2b3c4d5e6f"
  std::optional<std::int64_t> succeededBuild;  ///< marked succeeded, with its slug, in the same transaction
  std::optional<Formation> formation;          ///< replaces the app's when given
};

/// What of its user's rights a token carries.
enum class TokenKind {
  full,    ///< all
  read,    ///< to look at what its user may look at
  deploy,  ///< to look at its user's apps and to deploy them
  push,    ///< the registry only: to push, pull and delete
  pull     ///< the registry only: to pull
};
std::string_view name(TokenKind kind) noexcept;

struct NewToken {
  std::string user;
  std::string description;
  std::string secretHash;  ///< hex SHA-256 of the token: all that is stored of it
  TokenKind kind = TokenKind::full;
  std::optional<AppId> app = std::nullopt;  ///< good for this app only, and gone with it
  std::optional<Time> expiresAt = std::nullopt;
};

/// A token for machines. One whose time is over stays until it is removed.
struct Token {
  std::int64_t id = 0;  ///< never used again
  std::string user;
  std::string description;
  TokenKind kind = TokenKind::full;
  std::optional<AppName> app;
  std::optional<Time> expiresAt;
  Time createdAt;
  std::optional<Time> lastUsedAt = std::nullopt;  ///< to the minute
};

/// A release as lists show it: without its config vars, with what its slug is called.
struct ReleaseHead {
  Release release;
  std::string slugUuid;  ///< empty without a slug
  std::string commit;
  std::string buildpack;
  std::uint64_t slugBytes = 0;
  bool collected = false;  ///< the slug's layers were given up
};

/// Releases of an app from one number to another, both included.
struct ReleaseRange {
  enum class Order { newestFirst, oldestFirst };
  std::int64_t first = 1;
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  std::size_t limit = 1000;
  Order order = Order::newestFirst;
};

/// What outlives the process. Thread-safe: inside, a pool lends one connection for writing and any number for
/// reading. Every mutating call is one transaction and durable when it returns (WAL, synchronous=FULL), and
/// throws unavailable when other writers kept it waiting for 10 s. find* returns nullopt where get* throws
/// notFound with a sentence that names the thing. Schema: store/schema/NNNN_name.sql, compiled in, applied
/// forward at open; a database from a newer program is refused.
class ReleaseStore : public LayerIndex {
 public:
  /// Opens or creates the database file. Config values are sealed with the keys in "keys/config_keys" beside
  /// it, made with the database; throws notFound when the one is there without the key that it names.
  ReleaseStore(const std::filesystem::path& file, const base::Clock& clock);
  ~ReleaseStore() override;
  ReleaseStore(const ReleaseStore&) = delete;
  ReleaseStore& operator=(const ReleaseStore&) = delete;

  // Apps. createApp also makes release v1 ("Initial release", succeeded) in the same transaction; throws
  // alreadyExists ("Name hello is already taken"), and notFound for an owner who is no user.
  App createApp(const NewApp& app);
  std::optional<App> findApp(const AppName& name);
  std::optional<App> findAppByUuid(const std::string& uuid);
  App getApp(const AppName& name);
  App getApp(AppId id);
  std::vector<App> apps();  ///< by name
  /// Removes the app and everything that hangs on it, its repository's rows too. Blobs are left to garbage
  /// collection.
  void destroyApp(AppId id);
  /// Throws alreadyExists for the name of an app, or of images that were pushed without one.
  void requireNameIsFree(const AppName& name);
  /// The row and the names of its images; pending until endRename(), when its folders have moved too.
  void renameApp(AppId id, const AppName& name);
  std::vector<std::pair<App, AppName>> pendingRenames();  ///< with the old name
  void endRename(AppId id);
  void setDeployBranch(AppId id, const std::string& ref);
  void setStack(AppId id, const std::string& stack);  ///< of the builds to come
  /// The app's switches that are on, by name; switching twice is fine.
  std::set<std::string> features(AppId id);
  void enableFeature(AppId id, const std::string& name);
  void disableFeature(AppId id, const std::string& name);
  /// What the app has set for itself, by key.
  std::map<std::string, std::string> settings(AppId id);
  /// All of them or none; nullopt takes one back.
  void changeSettings(AppId id, const std::map<std::string, std::optional<std::string>>& changes);

  /// The list that was set for the app, in order; empty: none.
  std::vector<std::string> buildpacks(AppId id);
  void setBuildpacks(AppId id, const std::vector<std::string>& sources);

  // Keys and tokens, of users that there are (notFound); users are AccountStore's.
  Key addKey(const Key& key);  ///< alreadyExists names the user who has it
  std::optional<Key> findKey(const std::string& fingerprint);
  std::vector<Key> keys();  ///< by user, then time
  void removeKey(const std::string& fingerprint);
  Token addToken(const NewToken& token);
  std::optional<Token> findToken(const std::string& secretHash);
  std::optional<Token> findToken(std::int64_t id);
  std::vector<Token> tokens();
  void removeToken(std::int64_t id);

  // Builds.
  Build createBuild(const NewBuild& build);
  Build getBuild(std::int64_t id);
  Build getBuild(AppId app, std::int64_t number);
  std::optional<Build> findBuild(AppId app, const std::string& uuid);
  std::vector<Build> builds(AppId app, std::size_t limit);  ///< newest first
  void startBuild(std::int64_t id);                         ///< queued -> building
  /// Those that took the app, in their order.
  void setBuildpacksUsed(std::int64_t id, const std::vector<BuildpackUse>& buildpacks);
  void setStackImage(std::int64_t id, const Digest& manifest);
  std::optional<Build> findBuildOfSlug(std::int64_t slug);
  void setBuildPhases(std::int64_t id, const std::map<std::string, std::int64_t>& phaseMs);
  /// `state` is failed or cancelled; conflict when it has ended already.
  void endBuild(std::int64_t id, BuildState state, const std::string& failure);
  /// At start: every queued or building one becomes failed ("interrupted"). Returns them as they were.
  std::vector<Build> failInterruptedBuilds();

  // Slugs and releases.
  Slug createSlug(const NewSlug& slug);
  Slug getSlug(std::int64_t id);
  std::optional<Slug> findSlug(AppId app, const std::string& uuid);
  std::optional<Slug> findSlug(const std::string& uuid);  ///< of any app
  std::vector<Slug> slugs(AppId app, std::size_t limit);  ///< newest first
  void setSlugChecksum(std::int64_t id, const Digest& checksum);
  std::optional<Layer> findPackedTree(const Digest& tree) override;
  void putPackedTree(const Digest& tree, const Layer& layer) override;
  ReleaseVersion nextVersion(AppId app);
  /// Throws conflict when the version is not the next one, or when the build has ended meanwhile (cancelled);
  /// notFound for another app's slug.
  Release createRelease(const NewRelease& release);
  /// Pending -> succeeded or failed; the same state again is fine, any other change is a conflict. The image
  /// of one that succeeded is "latest" from then on.
  void setReleaseState(std::int64_t id, ReleaseState state);
  Release getRelease(AppId app, ReleaseVersion version);
  Release currentRelease(AppId app);                            ///< the newest that has not failed
  std::vector<Release> releases(AppId app, std::size_t limit);  ///< newest first
  std::vector<ReleaseHead> releaseHeads(AppId app, const ReleaseRange& range);
  ReleaseHead currentHead(AppId app);  ///< of the newest that has not failed
  std::optional<ReleaseHead> findReleaseHead(AppId app, const std::string& uuid);
  std::optional<Release> findReleaseOfBuild(std::int64_t build);
  /// The newest release that a push made (not a tarball) and that has not failed, with its commit and ref:
  /// what the git ref must say.
  struct Deployed {
    std::string commit;
    std::string ref;
  };
  std::optional<Deployed> deployedCommit(AppId app);

  /// Seals all config values with a new key, some at a time, while others read and write; a kill on the way
  /// is made good by the next open. Returns the new key's id. One call at a time.
  std::string rotateConfigKey();

  Formation formation(AppId app);
  void setFormation(AppId app, const Formation& formation);

  // Stacks.
  /// Puts a stack in the place of the one with its name. The run image that it replaces stays known.
  void putStack(const Stack& stack);
  std::optional<Stack> findStack(const std::string& name);
  std::vector<Stack> stacks();
  /// A run image that some stack has or had, by its manifest.
  std::optional<StackImage> findRunImage(const Digest& manifest);

  // Registry rows. What clients push is RegistryStore's.
  /// A manifest that was made here, whose blobs the repository holds from now on.
  void putManifest(const RepositoryName& repository, const Manifest& manifest,
                   const std::vector<std::string>& tags);
  /// nullopt, too, when the stored bytes are damaged: storing them again heals.
  std::optional<Manifest> findManifest(const RepositoryName& repository, const Digest& digest);
  std::optional<Manifest> findManifestByTag(const RepositoryName& repository, const std::string& tag);
  /// Sorted; after `last` when it is not empty; at most `limit`. nullopt when there is no such repository.
  std::optional<std::vector<std::string>> tags(const RepositoryName& repository, const std::string& last,
                                               std::size_t limit);
  /// The blob's size when the repository holds it: a blob is readable only through a repository that does.
  std::optional<std::uint64_t> blobSize(const RepositoryName& repository, const Digest& digest);
  std::vector<RepositoryName> repositories(const std::string& last, std::size_t limit);
  /// Every digest that some row needs (slugs, stacks, manifests' blobs, what was pushed).
  std::vector<Digest> referencedBlobs();
  /// Those that have to be here: without what a pushed manifest names and was never sent.
  std::vector<Digest> heldBlobs();

  /// What it says at one moment, in a new file, mode 0600; writers go on meanwhile. Throws diskFull, io.
  void copyTo(const std::filesystem::path& file);
  /// Reads all of it; throws corrupt, saying what is wrong.
  void checkIntegrity();

 private:
  friend class AccountStore;
  friend class RegistryStore;
  friend class Collector;
  friend class CronStore;
  friend class DomainStore;
  friend class DrainStore;
  friend class EventStore;
  friend class PendingSlugStore;
  friend class PublicationStore;
  friend class Scrubber;
  struct State;
  void openConfigKeys();
  void sealConfigAnew();
  std::unique_ptr<State> state_;
};

}  // namespace store
