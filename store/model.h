// The values that everything is about: plain, copyable, comparable. Only std and base/digest.h are included
// here.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace store {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;
using base::Digest;

/// An app's name: ^[a-z][a-z0-9-]{0,29}$ without a trailing '-'; "stacks" and "v2" and a few more words are
/// reserved. It is a DNS label, a folder name and a repository name, so nothing else is ever accepted.
/// Immutable.
class AppName {
 public:
  /// Throws invalidArgument with the rule in words.
  static AppName parse(std::string_view text);
  static std::optional<AppName> tryParse(std::string_view text) noexcept;
  const std::string& str() const noexcept { return text_; }
  auto operator<=>(const AppName&) const = default;

 private:
  explicit AppName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// A release's number: 1, 2, ...; written "v1".
struct ReleaseVersion {
  std::int64_t number = 0;
  std::string str() const { return "v" + std::to_string(number); }
  /// "v12" or "12"; throws invalidArgument.
  static ReleaseVersion parse(std::string_view text);
  auto operator<=>(const ReleaseVersion&) const = default;
};

using AppId = std::int64_t;
using ConfigVars = std::map<std::string, std::string>;

/// Who sees a config var: builds, running processes, or both.
enum class ConfigScope { both, build, run };
std::string_view name(ConfigScope scope) noexcept;
std::optional<ConfigScope> parseConfigScope(std::string_view text) noexcept;
/// Those that are not for both.
using ConfigScopes = std::map<std::string, ConfigScope>;
ConfigScope scopeOf(const ConfigScopes& scopes, const std::string& name);
/// What builds, or what processes see of the config vars.
ConfigVars configFor(ConfigScope who, const ConfigVars& config, const ConfigScopes& scopes);
/// Process type to shell command, from the Procfile and the buildpack's defaults.
using ProcessTypes = std::map<std::string, std::string>;
/// Process type to number of processes.
using Formation = std::map<std::string, int>;

struct App {
  AppId id = 0;
  std::string uuid;
  AppName name;
  std::string stack;         ///< e.g. "debian-12"
  std::string owner;         ///< user name
  std::string deployBranch;  ///< full ref name of the first pushed branch, or empty before that
  Time createdAt;
};

/// A public key that may log in.
struct Key {
  std::string fingerprint;  ///< "SHA256:..." as OpenSSH prints it
  std::string publicKey;    ///< "ssh-ed25519 AAAA..." without the comment
  std::string comment;
  std::string user;
  Time createdAt;
  std::optional<AppName> app = std::nullopt;  ///< may deploy this app and nothing else, and is gone with it
  std::optional<Time> lastUsedAt = std::nullopt;  ///< to the minute
  std::string uuid{};                             ///< given by the store
};

/// A buildpack that took part in a build.
struct BuildpackUse {
  std::string name;         ///< "nodejs", or the last word of its URL
  std::string description;  ///< what its detect printed: "Node.js"
  std::string url;          ///< without credentials; empty for one that is on the server
  std::string version;      ///< the commit, or "sha256:..." of a tarball; empty for one that is on the server
  std::string report;       ///< what its bin/report printed, or empty
  auto operator<=>(const BuildpackUse&) const = default;
};

/// Where the tarball of a build came from.
struct TarballSource {
  std::string url;                 ///< without credentials and query
  std::optional<Digest> checksum;  ///< that was asked for
  std::string description;         ///< of the version
};

enum class BuildState { queued, building, succeeded, failed, cancelled };
std::string_view name(BuildState state) noexcept;

struct Build {
  std::int64_t id = 0;
  std::string uuid;
  AppId app = 0;
  std::int64_t number = 0;  ///< 1, 2, ... within the app
  BuildState state = BuildState::queued;
  std::string commit;  ///< in hex; of a tarball the version that came with it, or empty
  std::string ref;     ///< full name of the pushed ref; of a tarball empty
  std::optional<TarballSource> tarball;
  std::string user;       ///< who pushed
  std::string buildpack;  ///< descriptions of those that took it, or empty
  std::vector<BuildpackUse> buildpacks;
  std::optional<Digest> stackImage;  ///< manifest of the build image
  std::string failure;               ///< one sentence when failed or cancelled
  std::int64_t slug = 0;             ///< row id when succeeded
  std::map<std::string, std::int64_t>
      phaseMs;  ///< from the pack's first byte to the launch; see docs/builds.md
  Time createdAt;
  std::optional<Time> finishedAt;
};

/// A blob by digest and size as it stands in a manifest. (OCI image-spec, Content Descriptors.)
struct Descriptor {
  std::string mediaType;
  Digest digest;
  std::uint64_t sizeBytes = 0;
};

/// A compressed layer with the digest of its uncompressed tar.
struct Layer {
  Descriptor blob;
  Digest diffId;
};

struct Slug {
  std::int64_t id = 0;
  std::string uuid;
  AppId app = 0;
  std::string commit;
  std::string stack;
  std::string buildpack;
  std::vector<Layer> layers;  ///< bottom first; their concatenation is the download
  ProcessTypes processTypes;
  ConfigVars defaultConfig;     ///< buildpack's config_vars: a user's config var wins
  std::uint64_t sizeBytes = 0;  ///< compressed, all layers
  /// Of the download; nullopt until somebody has computed it for a slug of several layers.
  std::optional<Digest> checksum;
  Time createdAt;
  bool collected = false;  ///< its layers were given up (Collector): nothing is released or downloaded of it
  std::string commitDescription = {};  ///< that was given with one that was uploaded
  std::string checks = {};             ///< of its app.json: ProcessChecks as JSON (store/process_check.h)
  std::string cron = {};               ///< of its app.json: its entries as JSON (store/cron_entry.h)
};

/// Throws notFound, with what to do, for a slug without layers.
void requireKept(const Slug& slug);

enum class ReleaseState { pending, succeeded, failed };
std::string_view name(ReleaseState state) noexcept;

/// Immutable but for its state: pending until its processes passed their check, then succeeded or failed.
struct Release {
  std::int64_t id = 0;
  std::string uuid;
  AppId app = 0;
  ReleaseVersion version;
  std::optional<std::int64_t> slug;  ///< row id; none for v1 and for config set before the first push
  ConfigVars config;
  ConfigScopes configScopes = {};
  std::string stack;
  std::optional<Digest>
      runImage;             ///< manifest of the stack's run image that it stands on; none without a slug
  std::string description;  ///< "Deploy 1a2b3c4", "Set FOO config vars", "Rollback to v3", "Initial release"
  std::string user;
  std::optional<Digest> manifest;  ///< the image; none without a slug
  ReleaseState state = ReleaseState::pending;
  Time createdAt;
};

/// Build and run image of a stack, both in the registry as "stacks/NAME" with tags "build" and "run".
struct StackImage {
  std::vector<Layer> layers;
  Digest manifest;
};
struct Stack {
  std::string name;
  StackImage build;
  StackImage run;
  Time createdAt;
  std::string alias = {};  ///< the value of STACK in builds; empty: the name

  const std::string& variable() const noexcept { return alias.empty() ? name : alias; }
};

/// A repository's name in the registry: an app's name, "stacks/NAME", or whatever was pushed; at most 255
/// characters. (OCI distribution-spec, "Pulling manifests": name grammar.)
class RepositoryName {
 public:
  static RepositoryName parse(std::string_view text);
  static std::optional<RepositoryName> tryParse(std::string_view text) noexcept;
  const std::string& str() const noexcept { return text_; }
  /// Up to the first '/': the app's name, if there is such an app.
  std::string firstWord() const { return text_.substr(0, text_.find('/')); }
  auto operator<=>(const RepositoryName&) const = default;

 private:
  explicit RepositoryName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}. (OCI distribution-spec, "Pulling manifests".)
bool isTag(std::string_view text) noexcept;
/// Of those that say in an app's repository what its releases are: "latest", "v" and a number, "git-...".
bool isReleaseTag(std::string_view tag) noexcept;

/// A stored manifest and what it needs: rows that are written with it.
struct Manifest {
  Digest digest;
  std::string mediaType;
  std::string bytes;
  std::vector<Descriptor> blobs;  ///< config and layers
};

}  // namespace store
