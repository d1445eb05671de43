// From a source tree to a slug: detect, compile, release in containers; then packing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/lap_timer.h"
#include "builder/build_output.h"
#include "sandbox/container.h"
#include "sandbox/foreign_trees.h"
#include "store/blob_store.h"
#include "store/layer_index.h"
#include "store/layer_writer.h"
#include "store/model.h"

namespace builder {

namespace detail {
struct BuildParts;
class Trash;
}  // namespace detail

/// Where the buildpacks of detection and of the names "heroku/NAME" come from: setting buildpack_source.
enum class BuildpackOrigin { bundled, heroku };

/// What one build may use. Each has a setting of the same name.
struct BuildLimits {
  std::chrono::seconds timeout{900};       ///< build_timeout_s
  std::chrono::seconds idleTimeout{600};   ///< build_idle_timeout_s: without output; 0: any
  std::uint64_t memoryBytes = 4ull << 30;  ///< build_memory_bytes
  std::int64_t pids = 4096;                ///< build_pids
  double cpus = 0;                         ///< build_cpus; 0: all
  std::uint64_t diskBytes = 16ull << 30;   ///< build_disk_bytes: build folder, cache, /tmp and /app together
  std::uint64_t slugBytes = 1ull << 30;    ///< slug_max_bytes, compressed
  std::uint64_t slugExpandedBytes = 4ull << 30;  ///< slug_max_expanded_bytes, holes of files counted
  std::uint64_t slugFiles = 500'000;             ///< slug_max_files
};

/// What the phases of a build reach that have a network at all.
struct BuildNetwork {
  enum class Reach { full, none, listed };
  Reach reach = Reach::full;
  std::vector<sandbox::AllowedHost> hosts;  ///< when listed; the operator's proxy comes to it
};

struct BuilderConfig {
  std::filesystem::path workFolder;       ///< DIR/run/builds: one folder per build, removed at its end
  std::filesystem::path buildpackFolder;  ///< DIR/buildpacks: the operator's own, by folder name; looked at
                                          ///< before the bundled ones
  BuildpackOrigin buildpackOrigin = BuildpackOrigin::bundled;
  unsigned cpuWeight = 25;                        ///< setting build_cpu_weight; a process of an app has 100
  std::uint64_t diskMinFreeBytes = 256ull << 20;  ///< setting disk_min_free_bytes: a build that leaves less
                                                  ///< of the disk is stopped
  std::uint64_t slugWarnBytes = 300ull << 20;     ///< setting slug_warn_bytes, compressed
  store::Compression slugCompression = store::Compression::gzip;  ///< setting slug_compression
  std::vector<std::pair<std::string, std::string>>
      hostEnvironment;             ///< proxy variables, npm registry: given to every phase
  std::filesystem::path caBundle;  ///< the operator's CA bundle, mounted over the stack's; empty: none
};

/// A folder of the source that another repository fills.
struct Submodule {
  std::string path;
  std::string commit;  ///< hex
};

/// Where BUILD_DIR is: /tmp/build_<hash> with an empty /app beside it, as on Heroku, or /app itself.
enum class BuildPlace { temporary, app };

struct BuildInput {
  std::string id;                                  ///< unique, fits in a container id: "APP-bN"
  std::filesystem::path source;                    ///< the exported tree, owned by this process; consumed
  std::filesystem::path cache;                     ///< DIR/cache/APP; left as it was when the build fails
  std::string stack;                               ///< value of STACK
  std::vector<std::filesystem::path> stackLayers;  ///< unpacked build image, bottom first
  std::string commit;                              ///< SOURCE_VERSION
  store::ConfigVars config;                        ///< one file each in ENV_DIR
  /// Each a name, an http(s) URL of a tarball or git repository with #ref, or ORG/NAME at GitHub.
  std::vector<std::string> buildpacks;  ///< the app's own list; empty: none was set
  std::vector<Submodule> submodules;    ///< in the order of their paths
  BuildPlace place = BuildPlace::temporary;
  bool useCache = true;
  BuildLimits limits;
  BuildNetwork network;
};

struct BuildSucceeded {
  std::vector<store::Layer> layers;  ///< bottom first; their concatenation is the download
  store::ProcessTypes processTypes;
  store::ConfigVars defaultConfig;
  std::uint64_t slugBytes = 0;
};
/// `reason` is one sentence, already written to the output as an error line.
struct BuildFailed {
  std::string reason;
};
struct BuildCancelled {};
struct BuildOutcome {
  std::variant<BuildSucceeded, BuildFailed, BuildCancelled> result;
  std::vector<store::BuildpackUse> buildpacks;  ///< those that took the app, in order; of a failed build too
  /// All of build()'s time but an untold rest. The buildpacks' own: submodules, fetch, detect, compile,
  /// report, release. Ours: prepare, cache, sandbox (making and removing those phases' containers),
  /// slug_list, slug_pack.
  base::LapTimer::Times phases;
};

/// A tarball at an https URL.
struct SourceFetch {
  std::string url;
  std::filesystem::path target;  ///< does not exist, on the work folder's file system
  std::uint64_t maxBytes = 0;    ///< setting source_max_bytes
};

/// What becomes of a folder that is packed: layers, bottom first, whose concatenation is the download.
using PackOutcome = std::variant<std::vector<store::Layer>, BuildFailed, BuildCancelled>;

/// Thread-safe; build() blocks and may run for several builds at once. Buildpack choice: the app's own list,
/// else BUILDPACK_URL (config var), else app.json's list, else the .buildpacks file, else detection over the
/// operator's and the bundled ones; each is a name, an https tarball or a git URL with #ref. Errors of the
/// platform throw; failures of the app are values. (Heroku Dev Center, Buildpack API.)
class Builder {
 public:
  /// Folders of builds that a killed daemon left are removed; no build of another Builder may use the same
  /// work folder.
  Builder(BuilderConfig config, sandbox::ContainerRuntime& runtime, sandbox::ForeignTrees& trees,
          store::BlobStore& blobs, store::LayerIndex& packed);
  ~Builder();
  BuildOutcome build(const BuildInput& input, BuildOutput& output, std::stop_token stop);
  /// Downloads a source in a container, as a build with this input (whose source is an empty folder) reaches
  /// the network. What stops the build, or nothing.
  std::optional<std::variant<BuildFailed, BuildCancelled>> fetchSource(const BuildInput& input,
                                                                       const SourceFetch& fetch,
                                                                       BuildOutput& output,
                                                                       std::stop_token stop);
  /// Packs a folder of this process's as the slug of a build that made all of it: what of it was packed
  /// before is a layer already, and .git at its top is left out. The reason of a failure is one sentence.
  /// Throws io.
  PackOutcome packFolder(const std::filesystem::path& folder, const BuildLimits& limits,
                         std::stop_token stop);

 private:
  detail::BuildParts parts();

  BuilderConfig config_;
  sandbox::ContainerRuntime& runtime_;
  sandbox::ForeignTrees& trees_;
  store::BlobStore& blobs_;
  store::LayerIndex& packed_;
  std::unique_ptr<detail::Trash> trash_;
};

/// Process types of a Procfile's text; throws invalidArgument with the line number. Accepts CRLF, BOM, blank
/// and # lines, names [A-Za-z0-9_-]{1,63}; the command is everything after the first colon, verbatim and
/// trimmed.
store::ProcessTypes parseProcfile(std::string_view text);
/// Of types that come from elsewhere: throws invalidArgument for what no Procfile could say, or more than 64
/// KiB of it.
void checkProcessTypes(const store::ProcessTypes& types);

/// Throws invalidArgument for what cannot name a buildpack: see BuildInput::buildpacks.
void checkBuildpackSource(std::string_view source);

}  // namespace builder
