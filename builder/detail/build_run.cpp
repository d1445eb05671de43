#include "builder/detail/build_run.h"

#include <chrono>

#include "base/archive.h"
#include "base/strings.h"
#include "builder/detail/buildpack_choice.h"
#include "builder/detail/buildpack_release.h"
#include "builder/detail/phase_scripts.h"
#include "builder/detail/procfile.h"
#include "builder/detail/slug_tree.h"
#include "builder/detail/slugignore.h"
#include "builder/detail/tree_file.h"
#include "store/layer_writer.h"

namespace builder::detail {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kListFileBytes = 64 * 1024;
constexpr std::size_t kMaxBuildpacks = 20;
constexpr std::size_t kPrintedBytes = 64 * 1024;  // of detect and release
constexpr auto kFetchTimeout = std::chrono::seconds(90);
constexpr base::TarOwner kSlugOwner = {.uid = 1000, .gid = 1000};
/// Some tools take 1970 for "no time" and 1980 is the first that a zip can hold.
constexpr std::int64_t kSlugTimeSeconds = 315532800;

/// Keeps the start of what a phase prints.
class TextSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text_.append(bytes.substr(0, kPrintedBytes - text_.size())); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Adds the time of its life to a phase.
class PhaseTimer {
 public:
  PhaseTimer(std::map<std::string, std::int64_t>& phaseMs, std::string phase)
      : phaseMs_(phaseMs), phase_(std::move(phase)) {}
  ~PhaseTimer() {
    phaseMs_[phase_] += std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start_).count();
  }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  std::map<std::string, std::int64_t>& phaseMs_;
  std::string phase_;
  Steady::time_point start_ = Steady::now();
};

std::string firstLine(std::string_view text) {
  text = base::trim(text);
  return base::printable(base::trim(text.substr(0, text.find('\n'))));
}

BuildUser userOf(const sandbox::ContainerRuntime& runtime) {
  return {.rootId = runtime.hostId(0), .appId = runtime.hostId(kSlugOwner.uid)};
}

}  // namespace

void LineKeeper::write(std::string_view bytes) {
  if (bytes.empty()) return;
  out_.write(bytes);
  midLine_ = bytes.back() != '\n';
}

void LineKeeper::endLine() {
  if (midLine_) write("\n");
}

void LineKeeper::step(std::string_view text) {
  endLine();
  out_.step(text);
}

void LineKeeper::detail(std::string_view text) {
  endLine();
  out_.detail(text);
}

void LineKeeper::error(std::string_view text) {
  endLine();
  out_.error(text);
}

BuildRun::BuildRun(const BuilderConfig& config, sandbox::ContainerRuntime& runtime, store::BlobStore& blobs,
                   Trash& trash, const BuildInput& input, BuildOutput& output, std::stop_token stop)
    : config_(config),
      blobs_(blobs),
      input_(input),
      output_(output),
      stop_(stop),
      folder_(config.workFolder, trash, input, userOf(runtime)),
      disk_(folder_.path(), {.maxBytes = input.limits.diskBytes, .minFreeBytes = config.diskMinFreeBytes}),
      phases_(
          {config, runtime, input, folder_, disk_, [this](const std::string& line) { output_.error(line); }},
          stop),
      library_(config.buildpackFolder) {}

BuildOutcome BuildRun::run() {
  const Stopped stopped = build();
  BuildOutcome outcome{.result = std::move(result_), .phaseMs = std::move(phaseMs_)};
  if (!stopped) return outcome;
  if (const auto* failed = std::get_if<BuildFailed>(&*stopped)) {
    output_.error(failed->reason);
    outcome.result = *failed;
  } else {
    outcome.result = BuildCancelled{};
  }
  return outcome;
}

BuildRun::Stopped BuildRun::build() {
  if (stop_.stop_requested()) return BuildCancelled{};
  if (!folder_.takeCache(stop_))
    output_.detail("The cache of the last build cannot be copied: this one begins with an empty one");
  if (auto stop = removeIgnoredFiles()) return stop;
  if (auto stop = chooseSources()) return stop;
  if (auto stop = obtainBuildpacks()) return stop;
  if (auto stop = explicitList_ ? runExplicit() : detectAny()) return stop;
  if (!compiled_.empty()) {
    if (auto stop = release(compiled_.back())) return stop;
  }
  if (auto stop = discoverProcessTypes()) return stop;
  if (auto stop = packSlug()) return stop;
  if (stop_.stop_requested()) return BuildCancelled{};
  folder_.keepCache();
  return std::nullopt;
}

BuildRun::Stopped BuildRun::removeIgnoredFiles() {
  const auto text = readTreeFile(folder_.build(), ".slugignore", kListFileBytes);
  if (!text) return std::nullopt;
  const std::size_t count = removeIgnored(folder_.build(), SlugIgnore::parse(*text));
  if (count > 0) output_.step("Deleting " + std::to_string(count) + " files matching .slugignore patterns.");
  return std::nullopt;
}

BuildRun::Stopped BuildRun::chooseSources() {
  std::vector<std::string> lines;
  const auto chosen = input_.config.find("BUILDPACK_URL");
  if (chosen != input_.config.end() && !base::trim(chosen->second).empty()) {
    explicitList_ = true;
    lines.push_back(chosen->second);
  } else if (const auto text = readTreeFile(folder_.build(), ".buildpacks", kListFileBytes)) {
    explicitList_ = true;
    lines = parseBuildpacksFile(*text);
  } else {
    sources_ = detectionSources(config_.buildpackOrigin, library_, folder_.build());
    return std::nullopt;
  }
  if (lines.size() > kMaxBuildpacks) {
    return BuildFailed{"more than " + std::to_string(kMaxBuildpacks) + " buildpacks are listed"};
  }
  for (const auto& line : lines) {
    auto source = parseBuildpackSource(line);
    if (const auto* error = std::get_if<SourceError>(&source)) return BuildFailed{error->message};
    sources_.push_back(
        resolve(std::get<BuildpackSource>(std::move(source)), config_.buildpackOrigin, library_));
  }
  return std::nullopt;
}

/// Everything that the host writes is in place before the first container runs.
BuildRun::Stopped BuildRun::obtainBuildpacks() {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto& source = sources_[i];
    if (source.kind == BuildpackSource::Kind::named) {
      if (!library_.has(source.name)) {
        return BuildFailed{"there is no buildpack named " + source.name +
                           "; known ones: " + base::join(library_.names(), ", ") + ", or an https URL"};
      }
      library_.copy(source.name, folder_.buildpack(i));
    }
    folder_.adoptBuildpack(i);
    buildpacks_.push_back({.name = source.name, .shown = source.name});
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].kind == BuildpackSource::Kind::named) continue;
    if (auto stop = fetch(i)) return stop;
  }
  return std::nullopt;
}

BuildRun::Stopped BuildRun::fetch(std::size_t index) {
  const PhaseTimer timer(phaseMs_, "detect");
  const auto& source = sources_[index];
  output_.step("Fetching buildpack " + source.name);
  const bool tarball = source.kind == BuildpackSource::Kind::tarball;
  const auto result = phases_.run({.name = "fetch",
                                   .script = tarball ? kFetchTarballScript : kFetchGitScript,
                                   .arguments = {source.url, source.ref},
                                   .folder = folder_.buildpackPath(index),
                                   .network = true,
                                   .timeout = kFetchTimeout},
                                  output_);
  return phases_.judge(result, "Fetching the " + source.name + " buildpack failed: it");
}

void BuildRun::announce(const Buildpack& buildpack) {
  output_.step(buildpack.shown + " app detected");
  result_.buildpack = buildpack.shown;
}

BuildRun::Stopped BuildRun::detectAny() {
  std::size_t index = 0;
  {
    const PhaseTimer timer(phaseMs_, "detect");
    TextSink printed;
    std::vector<std::string> arguments = {folder_.buildPath()};
    for (std::size_t i = 0; i < buildpacks_.size(); ++i)
      arguments.push_back(folder_.buildpackPath(i));
    const auto result = phases_.run(
        {.name = "detect", .script = kDetectAnyScript, .arguments = arguments, .folder = "/tmp"}, printed);
    const bool none =
        result.end == sandbox::RunResult::End::exited && result.status.code == 1 && !result.outOfMemory;
    if (auto stop = none && !stop_.stop_requested() ? std::nullopt : phases_.judge(result, "Detection"))
      return stop;
    const auto lineEnd = printed.text().find('\n');
    std::uint64_t number = 0;
    if (none || lineEnd == std::string::npos ||
        !base::parseNumber(printed.text().substr(0, lineEnd), number) || number >= buildpacks_.size()) {
      std::vector<std::string> asked;
      for (const auto& source : sources_)
        asked.push_back(source.name);
      output_.detail("None of these takes the app: " + base::join(asked, ", ") + ".");
      output_.detail("Add a Procfile, a .buildpacks file, or set the config var BUILDPACK_URL.");
      return BuildFailed{"Unable to select a buildpack"};
    }
    index = number;
    if (const auto name = firstLine(printed.text().substr(lineEnd)); !name.empty())
      buildpacks_[index].shown = name;
  }
  announce(buildpacks_[index]);
  return compile(index);
}

BuildRun::Stopped BuildRun::runExplicit() {
  for (std::size_t i = 0; i < buildpacks_.size(); ++i) {
    if (auto stop = detect(i)) return stop;
    if (auto stop = compile(i)) return stop;
  }
  if (buildpacks_.empty()) result_.buildpack = "none";
  return std::nullopt;
}

BuildRun::Stopped BuildRun::detect(std::size_t index) {
  const PhaseTimer timer(phaseMs_, "detect");
  auto& buildpack = buildpacks_[index];
  TextSink printed;
  const auto result = phases_.run({.name = "detect",
                                   .script = kDetectScript,
                                   .arguments = {folder_.buildPath()},
                                   .folder = folder_.buildpackPath(index)},
                                  printed);
  if (auto stop = phases_.judge(result, "Detection failed: the " + buildpack.name + " buildpack")) {
    const bool failed = std::holds_alternative<BuildFailed>(*stop);
    if (failed && !base::trim(printed.text()).empty()) output_.write(printed.text());
    return stop;
  }
  if (const auto name = firstLine(printed.text()); !name.empty()) buildpack.shown = name;
  announce(buildpack);
  return std::nullopt;
}

BuildRun::Stopped BuildRun::compile(std::size_t index) {
  const PhaseTimer timer(phaseMs_, "compile");
  std::vector<std::string> arguments = {folder_.buildPath(), folder_.cachePath(), folder_.envPath()};
  for (const auto earlier : compiled_)
    arguments.push_back(folder_.buildpackPath(earlier));
  const auto result = phases_.run({.name = "compile",
                                   .script = kCompileScript,
                                   .arguments = arguments,
                                   .folder = folder_.buildpackPath(index),
                                   .network = true},
                                  output_);
  compiled_.push_back(index);
  return phases_.judge(result, "Compile failed: the " + buildpacks_[index].name + " buildpack");
}

BuildRun::Stopped BuildRun::release(std::size_t index) {
  const PhaseTimer timer(phaseMs_, "release");
  const std::string& name = buildpacks_[index].name;
  TextSink printed;
  const auto result = phases_.run({.name = "release",
                                   .script = kReleaseScript,
                                   .arguments = {folder_.buildPath(), folder_.cachePath()},
                                   .folder = folder_.buildpackPath(index)},
                                  printed);
  if (auto stop = phases_.judge(result, "Release failed: the " + name + " buildpack")) {
    if (std::holds_alternative<BuildFailed>(*stop)) output_.write(printed.text());
    return stop;
  }
  auto parsed = parseRelease(printed.text());
  if (const auto* error = std::get_if<ReleaseError>(&parsed)) {
    return BuildFailed{"Release failed: bin/release of the " + name +
                       " buildpack printed something else than its YAML: " + error->message};
  }
  auto& release = std::get<BuildpackRelease>(parsed);
  if (!release.addons.empty())
    output_.detail("Add-ons are not provided: " + base::join(release.addons, ", "));
  result_.processTypes = std::move(release.processTypes);
  result_.defaultConfig = std::move(release.configVars);
  return std::nullopt;
}

void BuildRun::printTypes(const std::string& what, const store::ProcessTypes& types) {
  std::vector<std::string> names;
  for (const auto& [type, command] : types)
    names.push_back(type);
  output_.detail(what + " -> " + (names.empty() ? "(none)" : base::join(names, ", ")));
}

/// After compile: buildpacks write Procfiles too.
BuildRun::Stopped BuildRun::discoverProcessTypes() {
  output_.step("Discovering process types");
  store::ProcessTypes declared;
  const auto text = readTreeFile(folder_.build(), "Procfile", kProcfileMaxBytes);
  if (text) {
    auto parsed = readProcfile(*text);
    if (const auto* error = std::get_if<ProcfileError>(&parsed)) return BuildFailed{error->message};
    declared = std::get<store::ProcessTypes>(std::move(parsed));
  }
  printTypes("Procfile declares types", declared);
  store::ProcessTypes defaults = std::move(result_.processTypes);
  std::erase_if(defaults, [&](const auto& type) { return declared.contains(type.first); });
  if (!defaults.empty()) printTypes("Default types for buildpack", defaults);
  result_.processTypes = std::move(declared);
  result_.processTypes.merge(defaults);
  if (result_.processTypes.empty())
    output_.detail("Nothing will run: add a Procfile with a line like 'web: COMMAND'.");
  return std::nullopt;
}

BuildRun::Stopped BuildRun::tooLarge(std::uint64_t slugBytes) const {
  if (slugBytes <= input_.limits.slugBytes) return std::nullopt;
  return BuildFailed{"Compiled slug size: " + base::formatBytes(slugBytes) + " is too large (at most " +
                     base::formatBytes(input_.limits.slugBytes) +
                     ", setting slug_max_bytes); leave files out with .slugignore"};
}

BuildRun::Stopped BuildRun::packSlug() {
  const PhaseTimer timer(phaseMs_, "slug");
  if (auto stop = refuseSlugTree(folder_.build(), input_.limits, stop_)) return stop;
  store::LayerWriter writer(blobs_);
  base::packTree(
      folder_.build(),
      {.prefix = "./app", .owner = kSlugOwner, .mtimeSeconds = kSlugTimeSeconds, .exclude = {".git"}},
      writer);
  // Asked before the commit, so that what is far too large leaves nothing behind; the last few MiB are known
  // after it.
  if (auto stop = tooLarge(writer.compressedBytes())) return stop;
  const store::Layer layer = writer.commit();
  result_.slugBytes = layer.blob.sizeBytes;
  if (auto stop = tooLarge(result_.slugBytes)) return stop;
  result_.layers = {layer};
  output_.step("Compiled slug size is " + base::formatBytes(result_.slugBytes));
  return std::nullopt;
}

}  // namespace builder::detail
