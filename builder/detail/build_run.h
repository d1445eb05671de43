// One build from its source tree to its slug.
#pragma once

#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/build_output.h"
#include "builder/builder.h"
#include "builder/detail/build_folder.h"
#include "builder/detail/buildpack_library.h"
#include "builder/detail/buildpack_source.h"
#include "builder/detail/disk_watch.h"
#include "builder/detail/lent_tree.h"
#include "builder/detail/phase.h"

namespace builder::detail {

/// Passes a build's bytes on and knows whether the last line is whole, so that the platform's own lines start
/// at the left margin.
class LineKeeper : public base::ByteSink {
 public:
  explicit LineKeeper(BuildOutput& out) : out_(out) {}
  void write(std::string_view bytes) override;
  void step(std::string_view text);
  void detail(std::string_view text);
  void error(std::string_view text);

 private:
  void endLine();
  BuildOutput& out_;
  bool midLine_ = false;
};

/// What all builds share; outlives them.
struct BuildParts {
  const BuilderConfig& config;
  sandbox::ContainerRuntime& runtime;
  store::BlobStore& blobs;
  store::LayerIndex& packed;
  Trash& trash;
  sandbox::ForeignTrees& trees;
};

/// The steps of a build, in order; each gives what stops the build, or nothing. One use, one thread.
class BuildRun {
 public:
  BuildRun(const BuildParts& parts, const BuildInput& input, BuildOutput& output, std::stop_token stop);
  BuildOutcome run();

 private:
  using Stopped = std::optional<BuildStop>;

  Stopped build();
  Stopped fetchSubmodules();
  Stopped removeIgnoredFiles();
  Stopped chooseSources();
  Stopped obtainBuildpacks();
  Stopped fetch(std::size_t index);
  Stopped detectAny();
  Stopped detect(std::size_t index);
  Stopped compile(std::size_t index);
  Stopped runCompile(std::size_t index, const std::vector<std::string>& arguments);
  void report(std::size_t index);
  Stopped release(std::size_t index);
  Stopped runExplicit();
  Stopped discoverProcessTypes();
  Stopped packSlug();

  sandbox::RunResult runPhase(const PhaseCall& call, base::ByteSink& output);
  void printTypes(const std::string& what, const store::ProcessTypes& types);
  void announce(std::size_t index);
  std::vector<std::string> chosenLines();

  const BuildParts parts_;
  const BuilderConfig& config_;
  const BuildInput& input_;
  LineKeeper output_;
  std::stop_token stop_;
  BuildFolder folder_;
  LentTree built_;  // what the buildpacks make of the source
  DiskWatch disk_;
  PhaseRunner phases_;
  BuildpackLibrary library_;

  std::set<std::string> sourceFolders_;  // before a buildpack touched anything
  bool explicitList_ = false;
  std::vector<BuildpackSource> sources_;
  std::vector<store::BuildpackUse> buildpacks_;  // one for each source
  std::vector<std::size_t> compiled_;  // took the app, in order; their exports count for the next ones
  BuildSucceeded result_;
  base::LapTimer laps_;  // see BuildOutcome::phases
};

}  // namespace builder::detail
