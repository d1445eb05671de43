#include "builder/detail/build_run.h"

#include <chrono>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree_list.h"
#include "builder/app_json.h"
#include "builder/detail/buildpack_choice.h"
#include "builder/detail/buildpack_release.h"
#include "builder/detail/phase_scripts.h"
#include "builder/detail/procfile.h"
#include "builder/detail/slug_packer.h"
#include "builder/detail/slug_plan.h"
#include "builder/detail/slug_tree.h"
#include "builder/detail/slugignore.h"
#include "builder/detail/tree_file.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kListFileBytes = 64 * 1024;
constexpr std::size_t kMaxBuildpacks = 20;
constexpr std::size_t kPrintedBytes = 64 * 1024;  // of detect and release
constexpr auto kFetchTimeout = std::chrono::seconds(90);
constexpr auto kSubmodulesTimeout = std::chrono::seconds(300);
constexpr auto kReportTimeout = std::chrono::seconds(30);
constexpr const char* kVersionFile = ".buildpack-version";  // in the build's /tmp

/// Keeps the start of what a phase prints.
class TextSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text_.append(bytes.substr(0, kPrintedBytes - text_.size())); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string firstLine(std::string_view text) {
  text = base::trim(text);
  return base::printable(base::trim(text.substr(0, text.find('\n'))));
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

BuildRun::BuildRun(const BuildParts& parts, const BuildInput& input, BuildOutput& output,
                   std::stop_token stop)
    : parts_(parts),
      config_(parts.config),
      input_(input),
      output_(output),
      stop_(stop),
      folder_({config_.workFolder, parts.trees, parts.trash}, input),
      built_(folder_.build(), parts.trees),
      disk_({.watched = folder_.path(), .beside = input.useCache ? input.cache : fs::path()}, parts.trees,
            {.maxBytes = input.limits.diskBytes, .minFreeBytes = config_.diskMinFreeBytes}),
      phases_({config_, parts.runtime, input, folder_, disk_,
               [this](const std::string& line) { output_.error(line); }},
              stop),
      library_(config_.buildpackFolder) {}

BuildOutcome BuildRun::run() {
  const Stopped stopped = build();
  BuildOutcome outcome{.result = std::move(result_), .buildpacks = {}, .phases = laps_.times()};
  for (const std::size_t index : compiled_)
    outcome.buildpacks.push_back(std::move(buildpacks_[index]));
  if (!stopped) return outcome;
  if (const auto* failed = std::get_if<BuildFailed>(&*stopped)) {
    output_.error(failed->reason);
    outcome.result = *failed;
  } else {
    outcome.result = BuildCancelled{};
  }
  return outcome;
}

/// What its container ran is the phase's own time.
sandbox::RunResult BuildRun::runPhase(const PhaseCall& call, base::ByteSink& output) {
  laps_.lap("prepare");
  const auto result = phases_.run(call, output);
  laps_.lapAround({{call.name, result.ran}}, "sandbox");
  return result;
}

BuildRun::Stopped BuildRun::build() {
  if (stop_.stop_requested()) return BuildCancelled{};
  laps_.lap("prepare");
  folder_.takeCache();
  laps_.lap("cache");
  if (auto stop = fetchSubmodules()) return stop;
  if (auto stop = removeIgnoredFiles()) return stop;
  for (const auto& entry : base::listTree(folder_.build(), {".git"})) {
    if (entry.kind == base::TreeEntry::Kind::folder) sourceFolders_.insert(entry.path);
  }
  if (auto stop = chooseSources()) return stop;
  folder_.giveSource();
  if (auto stop = obtainBuildpacks()) return stop;
  if (auto stop = explicitList_ ? runExplicit() : detectAny()) return stop;
  if (!compiled_.empty()) {
    if (auto stop = release(compiled_.back())) return stop;
  }
  if (auto stop = discoverProcessTypes()) return stop;
  laps_.lap("prepare");
  if (auto stop = packSlug()) return stop;
  if (stop_.stop_requested()) return BuildCancelled{};
  folder_.keepCache();
  laps_.lap("cache");
  return std::nullopt;
}

BuildRun::Stopped BuildRun::fetchSubmodules() {
  if (input_.submodules.empty()) return std::nullopt;
  output_.step("Fetching submodules");
  std::vector<std::string> arguments;
  for (const Submodule& submodule : input_.submodules) {
    arguments.push_back(submodule.path);
    arguments.push_back(submodule.commit);
  }
  folder_.giveSource();
  const auto result = runPhase({.name = "submodules",
                                .script = kFetchSubmodulesScript,
                                .arguments = arguments,
                                .folder = folder_.buildPath(),
                                .network = true,
                                .timeout = kSubmodulesTimeout},
                               output_);
  if (auto stop = phases_.judge(result, "Fetching the submodules failed: it")) return stop;
  folder_.takeSourceBack();
  return std::nullopt;
}

BuildRun::Stopped BuildRun::removeIgnoredFiles() {
  const auto text = readTreeFile(folder_.build(), ".slugignore", kListFileBytes);
  if (!text) return std::nullopt;
  const std::size_t count = removeIgnored(folder_.build(), SlugIgnore::parse(*text));
  if (count > 0) output_.step("Deleting " + std::to_string(count) + " files matching .slugignore patterns.");
  return std::nullopt;
}

/// The first that names any: the app's list, BUILDPACK_URL, app.json, .buildpacks. Sets explicitList_.
std::vector<std::string> BuildRun::chosenLines() {
  explicitList_ = true;
  if (!input_.buildpacks.empty()) return input_.buildpacks;
  const auto chosen = input_.config.find("BUILDPACK_URL");
  if (chosen != input_.config.end() && !base::trim(chosen->second).empty()) return {chosen->second};
  if (const auto appJson = readAppJson(folder_.build()); appJson && !appJson->buildpacks.empty())
    return appJson->buildpacks;
  if (const auto text = readTreeFile(folder_.build(), ".buildpacks", kListFileBytes))
    return parseBuildpacksFile(*text);
  explicitList_ = false;
  return {};
}

BuildRun::Stopped BuildRun::chooseSources() {
  std::vector<std::string> lines;
  try {
    lines = chosenLines();
  } catch (const base::Error& failure) {
    if (failure.code() != base::Errc::invalidArgument) throw;
    return BuildFailed{failure.what()};  // the app's own file
  }
  if (!explicitList_) {
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
    buildpacks_.push_back(
        {.name = source.name, .description = source.name, .url = withoutCredentials(source.url)});
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].kind == BuildpackSource::Kind::named) continue;
    if (auto stop = fetch(i)) return stop;
  }
  return std::nullopt;
}

BuildRun::Stopped BuildRun::fetch(std::size_t index) {
  const auto& source = sources_[index];
  output_.step("Fetching buildpack " + source.name);
  const bool tarball = source.kind == BuildpackSource::Kind::tarball;
  const auto result = runPhase({.name = "fetch",
                                .script = tarball ? kFetchTarballScript : kFetchGitScript,
                                .arguments = {source.url, source.ref, kVersionFile},
                                .folder = folder_.buildpackPath(index),
                                .network = true,
                                .timeout = kFetchTimeout},
                               output_);
  if (auto stop = phases_.judge(result, "Fetching the " + source.name + " buildpack failed: it")) return stop;
  // Written by the script into the build's /tmp, before any buildpack ran.
  if (const auto version = readTreeFile(folder_.temporary(), kVersionFile, kPrintedBytes))
    buildpacks_[index].version = firstLine(*version);
  return std::nullopt;
}

void BuildRun::announce(std::size_t index) {
  output_.step(buildpacks_[index].description + " app detected");
}

BuildRun::Stopped BuildRun::detectAny() {
  std::size_t index = 0;
  {
    TextSink printed;
    std::vector<std::string> arguments = {folder_.buildPath()};
    for (std::size_t i = 0; i < buildpacks_.size(); ++i)
      arguments.push_back(folder_.buildpackPath(i));
    const auto result = runPhase(
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
      buildpacks_[index].description = name;
  }
  announce(index);
  return compile(index);
}

BuildRun::Stopped BuildRun::runExplicit() {
  for (std::size_t i = 0; i < buildpacks_.size(); ++i) {
    if (auto stop = detect(i)) return stop;
    if (auto stop = compile(i)) return stop;
  }
  return std::nullopt;
}

BuildRun::Stopped BuildRun::detect(std::size_t index) {
  auto& buildpack = buildpacks_[index];
  TextSink printed;
  const auto result = runPhase({.name = "detect",
                                .script = kDetectScript,
                                .arguments = {folder_.buildPath()},
                                .folder = folder_.buildpackPath(index)},
                               printed);
  if (auto stop = phases_.judge(result, "Detection failed: the " + buildpack.name + " buildpack")) {
    const bool failed = std::holds_alternative<BuildFailed>(*stop);
    if (failed && !base::trim(printed.text()).empty()) output_.write(printed.text());
    return stop;
  }
  if (const auto name = firstLine(printed.text()); !name.empty()) buildpack.description = name;
  announce(index);
  return std::nullopt;
}

BuildRun::Stopped BuildRun::compile(std::size_t index) {
  std::vector<std::string> arguments = {folder_.buildPath(), folder_.cachePath(), folder_.envPath()};
  for (const auto earlier : compiled_)
    arguments.push_back(folder_.buildpackPath(earlier));
  compiled_.push_back(index);
  auto stopped = runCompile(index, arguments);
  report(index);
  return stopped;
}

BuildRun::Stopped BuildRun::runCompile(std::size_t index, const std::vector<std::string>& arguments) {
  const auto result = runPhase({.name = "compile",
                                .script = kCompileScript,
                                .arguments = arguments,
                                .folder = folder_.buildpackPath(index),
                                .network = true},
                               output_);
  return phases_.judge(result, "Compile failed: the " + buildpacks_[index].name + " buildpack");
}

/// For the record only: also of a build that failed, and whatever becomes of it.
void BuildRun::report(std::size_t index) {
  std::error_code fault;
  const bool isThere = fs::is_regular_file(folder_.buildpack(index) / "bin/report", fault);
  // A buildpack that closed its folder to others can still look for itself.
  if (stop_.stop_requested() || (!isThere && fault != std::errc::permission_denied)) return;
  TextSink printed;
  const auto result = runPhase({.name = "report",
                                .script = kReportScript,
                                .arguments = {folder_.buildPath(), folder_.cachePath(), folder_.envPath()},
                                .folder = folder_.buildpackPath(index),
                                .timeout = kReportTimeout},
                               printed);
  const bool whole = result.end == sandbox::RunResult::End::exited && result.status.ok();
  if (!whole) return;
  std::vector<std::string> lines;
  for (const std::string& line : base::split(base::trim(printed.text()), '\n'))
    lines.push_back(base::printable(line, kPrintedBytes));
  buildpacks_[index].report = base::join(lines, "\n");
}

BuildRun::Stopped BuildRun::release(std::size_t index) {
  const std::string& name = buildpacks_[index].name;
  TextSink printed;
  const auto result = runPhase({.name = "release",
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
  const auto text = built_.read([&] { return readTreeFile(built_.folder(), "Procfile", kProcfileMaxBytes); });
  if (text) {
    auto parsed = readProcfile(*text);
    if (const auto* error = std::get_if<ProcfileError>(&parsed)) return BuildFailed{error->message};
    declared = std::get<store::ProcessTypes>(std::move(parsed));
  }
  printTypes("Procfile declares types", declared);
  store::ProcessTypes defaults = std::move(result_.processTypes);
  std::erase_if(defaults, [&](const auto& type) { return declared.contains(type.first); });
  for (const auto& [type, command] : defaults)
    if (isReservedType(type)) return BuildFailed{"The buildpack " + reservedFault(type)};
  if (!defaults.empty()) printTypes("Default types for buildpack", defaults);
  result_.processTypes = std::move(declared);
  result_.processTypes.merge(defaults);
  if (result_.processTypes.empty())
    output_.detail("Nothing will run: add a Procfile with a line like 'web: COMMAND'.");
  return std::nullopt;
}

BuildRun::Stopped BuildRun::packSlug() {
  const auto tree = readSlugTree(built_, input_.limits, stop_);
  if (const auto* stop = std::get_if<BuildStop>(&tree)) return *stop;
  const auto parts = planSlug(std::get<std::vector<base::TreeEntry>>(tree), sourceFolders_);
  laps_.lap("slug_list");
  PackedSlug packed =
      SlugPacker(parts_.blobs, parts_.packed,
                 {.maxBytes = input_.limits.slugBytes, .compression = config_.slugCompression}, stop_)
          .pack(built_.folder(), parts);
  laps_.lap("slug_pack");
  if (packed.bytes > input_.limits.slugBytes) {
    return BuildFailed{"Compiled slug size: " + base::formatBytes(packed.bytes) + " is too large (at most " +
                       base::formatBytes(input_.limits.slugBytes) +
                       ", setting slug_max_bytes); leave files out with .slugignore"};
  }
  result_.slugBytes = packed.bytes;
  result_.layers = std::move(packed.layers);
  output_.step("Compiled slug size is " + base::formatBytes(packed.bytes));
  if (packed.newLayers < result_.layers.size()) {
    output_.detail("New: " + base::formatBytes(packed.newBytes) + " in " + std::to_string(packed.newLayers) +
                   " of " + std::to_string(result_.layers.size()) + " layers");
  }
  if (packed.bytes > config_.slugWarnBytes) {
    output_.error("Warning: the slug is larger than " + base::formatBytes(config_.slugWarnBytes) +
                  " (setting slug_warn_bytes): nodes take long to pull it; leave files out with .slugignore");
  }
  return std::nullopt;
}

}  // namespace builder::detail
