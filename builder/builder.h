// From a source tree to a slug: detect, compile, release in containers; then packing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "builder/build_output.h"
#include "sandbox/container.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace builder {

namespace detail {
class Trash;
}

struct BuilderConfig {
  std::filesystem::path workFolder;         ///< DIR/run/builds: one folder per build, removed at its end
  std::filesystem::path buildpackFolder;    ///< DIR/buildpacks: the operator's own, by folder name; looked at
                                            ///< before the bundled ones
  std::chrono::seconds buildTimeout{900};   ///< setting build_timeout_s
  std::uint64_t slugMaxBytes = 1ull << 30;  ///< setting slug_max_bytes, compressed
  std::uint64_t buildMemoryBytes = 4ull << 30;  ///< setting build_memory_bytes
  std::int64_t buildPids = 4096;                ///< setting build_pids
  std::vector<std::pair<std::string, std::string>>
      hostEnvironment;             ///< proxy variables, npm registry: given to every phase
  std::filesystem::path caBundle;  ///< the operator's CA bundle, mounted over the stack's; empty: none
};

struct BuildInput {
  std::string id;                ///< unique, fits in a container id: "APP-bN"
  std::filesystem::path source;  ///< the exported tree, owned by the app user on the host; consumed
  std::filesystem::path cache;   ///< DIR/cache/APP; left as it was when the build fails
  std::string stack;             ///< value of STACK
  std::vector<std::filesystem::path> stackLayers;  ///< unpacked build image, bottom first
  std::string commit;                              ///< SOURCE_VERSION
  store::ConfigVars config;                        ///< one file each in ENV_DIR
  bool useCache = true;
};

struct BuildSucceeded {
  std::string buildpack;  ///< display name from detect
  std::vector<store::Layer> layers;
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
  std::map<std::string, std::int64_t> phaseMs;  ///< detect, compile, release, slug
};

/// Thread-safe; build() blocks and may run for several builds at once. Buildpack choice: BUILDPACK_URL
/// (config var: name, https tarball or git URL with #ref), else the .buildpacks file, else detection over the
/// operator's and the bundled ones. Errors of the platform throw; failures of the app are values. (Heroku Dev
/// Center, Buildpack API.)
class Builder {
 public:
  /// Folders of builds that a killed daemon left are removed; no build of another Builder may use the same
  /// work folder.
  Builder(BuilderConfig config, sandbox::ContainerRuntime& runtime, store::BlobStore& blobs);
  ~Builder();
  BuildOutcome build(const BuildInput& input, BuildOutput& output, std::stop_token stop);

 private:
  BuilderConfig config_;
  sandbox::ContainerRuntime& runtime_;
  store::BlobStore& blobs_;
  std::unique_ptr<detail::Trash> trash_;
};

/// Process types of a Procfile's text; throws invalidArgument with the line number. Accepts CRLF, BOM, blank
/// and # lines, names [A-Za-z0-9_-]{1,63}; the command is everything after the first colon, verbatim and
/// trimmed.
store::ProcessTypes parseProcfile(std::string_view text);

}  // namespace builder
